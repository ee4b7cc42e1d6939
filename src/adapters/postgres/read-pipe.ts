import pg from 'pg'
import { Client } from './client.ts'
import { buildClientConfig, type DatabaseConfig } from './connect.ts'

/** admin_shutdown, crash_shutdown, idle_session_timeout. */
const ENDED_BY_SERVER: ReadonlySet<string> = new Set(['57P01', '57P02', '57P05'])

/**
 * A few read-only connections over which reads are sent without waiting for the answers before them: half the
 * work of a connection for each. What one that is lost leaves without an answer is sent once more over a new one,
 * for a read changes nothing; a second loss fails it.
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
    // One that never stood has told whoever asked for it.
    const stood = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    await Promise.all(stood.map((client) => client.end()))
  }

  /** The server may have said so before the connection ends. */
  private isLost(at: number, made: Promise<pg.Client>, error: unknown): boolean {
    const said = error instanceof pg.DatabaseError && ENDED_BY_SERVER.has(error.code ?? '')
    if (said) this.forget(at, made)
    return this.clients.get(at) !== made
  }

  /** What is heard late of a connection that was lost says nothing of the one in its place. */
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
    // One that never stood is nobody's to close, and the next read tries again.
    connected.catch(gone)
    return connected
  }

  private async open(gone: () => void): Promise<pg.Client> {
    const client = new Client(this.config)
    // Whatever was under way rejects with it, afterwards.
    client.on('error', gone)
    client.on('end', gone)
    await client.connect()
    // Whatever the URL sets: nothing that goes over this connection may write.
    await client.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY')
    return client
  }
}
