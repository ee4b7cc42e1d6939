import type pg from 'pg'
import type { Client } from './client.ts'
import { beginTransaction, connect, type DatabaseConfig } from './connect.ts'
import { driver } from './driver.ts'

/** admin_shutdown, crash_shutdown, idle_session_timeout. */
const ENDED_BY_SERVER: ReadonlySet<string> = new Set(['57P01', '57P02', '57P05'])

/**
 * A few read-only connections that pipeline reads: each read is sent without waiting for earlier results, which
 * takes half the work of a connection for each. A read that loses its connection is retried once over a new one;
 * a second loss fails it.
 */
export class ReadPipe {
  private readonly database: DatabaseConfig
  private readonly connections: number
  private readonly clients = new Map<number, Promise<Client>>()
  private turn = 0
  private ended = false

  constructor(database: DatabaseConfig, connections: number) {
    this.database = database
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
      return await sendRead(client, query)
    } catch (error) {
      if (this.ended || !this.isLost(at, connection, error)) throw error
      return sendRead(await this.getClient(at), query)
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
  private isLost(at: number, connection: Promise<Client>, error: unknown): boolean {
    const announced = error instanceof driver.DatabaseError && ENDED_BY_SERVER.has(error.code ?? '')
    if (announced) this.forget(at, connection)
    return this.clients.get(at) !== connection
  }

  /** Removes a lost connection; a late event of it does not remove its replacement. */
  private forget(at: number, connection: Promise<Client>): void {
    if (this.clients.get(at) === connection) this.clients.delete(at)
  }

  private getClient(at: number): Promise<Client> {
    return this.clients.get(at) ?? this.connect(at)
  }

  private connect(at: number): Promise<Client> {
    const onEnd = (): void => this.forget(at, connection)
    const connection = this.open(onEnd)
    this.clients.set(at, connection)
    // A connect that failed leaves nothing to close; the next read connects again.
    connection.catch(onEnd)
    return connection
  }

  private async open(onEnd: () => void): Promise<Client> {
    const client = await connect(this.database, { pipeline: true })
    // Queries in flight reject afterwards.
    client.on('error', onEnd)
    client.on('end', onEnd)
    // Overrides the options of the URL: this connection never writes. Behind a pooler each read is a transaction.
    if (client.pooler === null)
      await client.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY')
    return client
  }
}

/**
 * Sends one read over a connection, and returns its rows as lists of texts. Behind a pooler, in a read-only
 * transaction of its own with the pinned settings, pipelined: one round trip.
 * @throws the driver's error, unmapped
 */
export async function sendRead(
  client: Client,
  query: pg.QueryArrayConfig,
): Promise<pg.QueryArrayResult<string[]>> {
  if (client.pooler === null) return client.query<string[]>(query)
  const begun = beginTransaction(client, 'READ ONLY')
  const read = client.query<string[]>(query)
  // Of a transaction that did not begin, the first error says why.
  const [first, result] = await Promise.allSettled([begun, read, client.query('COMMIT')])
  if (first.status === 'rejected') throw first.reason
  if (result.status === 'rejected') throw result.reason
  return result.value
}
