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

  /**
   * Sends a read over the next connection in turn, which connects if it is not open, and returns each row as a list of
   * texts.
   *
   * @throws the driver's error, unmapped
   */
  async query(query: pg.QueryArrayConfig): Promise<pg.QueryArrayResult<string[]>> {
    this.turn = (this.turn + 1) % this.connections
    const at = this.turn
    const connection = this.getClient(at)
    const client = await connection
    try {
      return await client.query<string[]>(query)
    } catch (error) {
      if (this.ended || !this.isLost(at, connection, error)) throw error
      return (await this.getClient(at)).query<string[]>(query)
    }
  }

  /** Closes every connection; a query in flight may fail. No read is retried afterwards. */
  async end(): Promise<void> {
    this.ended = true
    const connections = await Promise.allSettled(this.clients.values())
    // A connect that failed has already rejected the query that needed it.
    const open = connections.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    await Promise.all(open.map((client) => client.end()))
  }

  /** True if the connection of a failed query is lost, also if the server has only announced its end. */
  private isLost(at: number, connection: Promise<pg.Client>, error: unknown): boolean {
    const announced = error instanceof pg.DatabaseError && ENDED_BY_SERVER.has(error.code ?? '')
    if (announced) this.forget(at, connection)
    return this.clients.get(at) !== connection
  }

  /** Removes a lost connection; a late event of it does not remove its replacement. */
  private forget(at: number, connection: Promise<pg.Client>): void {
    if (this.clients.get(at) === connection) this.clients.delete(at)
  }

  private getClient(at: number): Promise<pg.Client> {
    return this.clients.get(at) ?? this.connect(at)
  }

  private connect(at: number): Promise<pg.Client> {
    const onEnd = (): void => this.forget(at, connection)
    const connection = this.open(onEnd)
    this.clients.set(at, connection)
    // A connect that failed leaves nothing to close; the next read connects again.
    connection.catch(onEnd)
    return connection
  }

  private async open(onEnd: () => void): Promise<pg.Client> {
    const client = new Client(this.config)
    // Queries in flight reject afterwards.
    client.on('error', onEnd)
    client.on('end', onEnd)
    await client.connect()
    // Overrides the options of the URL: this connection never writes.
    await client.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY')
    return client
  }
}
