import type pg from 'pg'
import { FfError } from '../../errors.ts'
import type { Client } from './client.ts'
import { beginTransaction, connect, type DatabaseConfig } from './connect.ts'
import { driver } from './driver.ts'
import { SERVER_NAME } from './server-identity.ts'

/** admin_shutdown, crash_shutdown, idle_session_timeout. */
const ENDED_BY_SERVER: ReadonlySet<string> = new Set(['57P01', '57P02', '57P05'])

/** The name of the server that reads have to come from; null where any will do. */
export type FindServer = () => string | null

/**
 * A few read-only connections that pipeline reads: each read is sent without waiting for earlier results, which
 * takes half the work of a connection for each. A read that loses its connection is retried once over a new one;
 * a second loss fails it. A connection to another server than the wanted one is replaced, as after a promotion.
 */
export class ReadPipe {
  private readonly database: DatabaseConfig
  private readonly connections: number
  private readonly findServer: FindServer | null
  private readonly servers = new WeakMap<Client, string>()
  private readonly clients = new Map<number, Promise<Client>>()
  private turn = 0
  private ended = false

  /** @param findServer asked before each read; absent where any server will do, and none is asked for its name */
  constructor(database: DatabaseConfig, connections: number, findServer?: FindServer) {
    this.database = database
    this.connections = connections
    this.findServer = findServer ?? null
  }

  /**
   * Sends a read over the next connection in turn, which connects if it is not open, and returns each row as a list of
   * texts.
   *
   * @throws FfError `backing_unavailable` where the connection leads to another server than the wanted one; the driver's
   *   error, unmapped
   */
  async query(query: pg.QueryArrayConfig): Promise<pg.QueryArrayResult<string[]>> {
    this.turn = (this.turn + 1) % this.connections
    const at = this.turn
    const { connection, client } = await this.take(at)
    try {
      return await sendRead(client, query)
    } catch (error) {
      if (this.ended || !this.isLost(at, connection, error)) throw error
      return sendRead((await this.take(at)).client, query)
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

  /** @throws FfError `backing_unavailable` where a new connection leads to another server than the wanted one too */
  private async take(at: number): Promise<Taken> {
    for (let tries = 0; tries < 2; tries++) {
      const connection = this.getClient(at)
      const client = await connection
      const wanted = this.findServer?.() ?? null
      if (wanted === null || this.servers.get(client) === wanted) return { connection, client }
      if (this.clients.get(at) !== connection) continue
      this.forget(at, connection)
      client.end().catch(() => undefined) // What it has in flight is of the other server.
    }
    throw otherServerError(this.database.name)
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
    if (this.findServer !== null) this.servers.set(client, await readServerName(client))
    return client
  }
}

interface Taken {
  readonly connection: Promise<Client>
  readonly client: Client
}

async function readServerName(client: Client): Promise<string> {
  const text = `SELECT ${SERVER_NAME}`
  return (await sendRead(client, { text, rowMode: 'array' })).rows[0]?.[0] ?? ''
}

const otherServerError = (name: string): FfError =>
  new FfError(
    'backing_unavailable',
    `Reads of the database ${name} lead to another server than the one on which this instance has its lease.`,
    {
      hint: 'Check that each host of FF_DATABASE_URL leads to the primary; `ff cutover status` shows the phase.',
    },
  )

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
