import pg from 'pg'
import { Client } from './client.ts'
import { buildClientConfig, type DatabaseConfig } from './connect.ts'

/** admin_shutdown, crash_shutdown, idle_session_timeout. */
const ENDED_BY_SERVER: ReadonlySet<string> = new Set(['57P01', '57P02', '57P05'])

/**
 * A few read-only connections that pipeline reads: each read is sent without waiting for earlier results, which
 * takes half the work of a connection for each. A read that loses its connection is retried once over a new one;
 * a second loss fails it.
 */
export class ReadPipe {
  private readonly config: pg.ClientConfig
  private readonly connections: number
  private readonly clients = new Map<number, Promise<pg.Client>>()
  private turn = 0
  private ended = false

  constructor(database: DatabaseConfig, connections: number) {
    this.config = { ...buildClientConfig(database), pipeline: true }
    this.connections = connections
  }

  async query(query: pg.QueryArrayConfig): Promise<pg.QueryArrayResult<string[]>> {
    this.turn = (this.turn + 1) % this.connections
    const at = this.turn
    const made = this.client(at)
    const client = await made
    try {
      return await client.query<string[]>(query)
    } catch (error) {
      if (this.ended || !this.isLost(at, made, error)) throw error
      return (await this.client(at)).query<string[]>(query)
    }
  }

  async end(): Promise<void> {
    this.ended = true
    const made = await Promise.allSettled(this.clients.values())
    // A connect that failed has already rejected the query that needed it.
    const stood = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    await Promise.all(stood.map((client) => client.end()))
  }

  /** True if the connection of a failed query is lost, also if the server has only announced its end. */
  private isLost(at: number, made: Promise<pg.Client>, error: unknown): boolean {
    const said = error instanceof pg.DatabaseError && ENDED_BY_SERVER.has(error.code ?? '')
    if (said) this.forget(at, made)
    return this.clients.get(at) !== made
  }

  /** Removes a lost connection; a late event of it does not remove its replacement. */
  private forget(at: number, made: Promise<pg.Client>): void {
    if (this.clients.get(at) === made) this.clients.delete(at)
  }

  private client(at: number): Promise<pg.Client> {
    return this.clients.get(at) ?? this.connect(at)
  }

  private connect(at: number): Promise<pg.Client> {
    const gone = (): void => this.forget(at, connected)
    const connected = this.open(gone)
    this.clients.set(at, connected)
    // A connect that failed leaves nothing to close; the next read connects again.
    connected.catch(gone)
    return connected
  }

  private async open(gone: () => void): Promise<pg.Client> {
    const client = new Client(this.config)
    // Queries in flight reject afterwards.
    client.on('error', gone)
    client.on('end', gone)
    await client.connect()
    // Overrides the options of the URL: this connection never writes.
    await client.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY')
    return client
  }
}
