import type { Socket } from 'node:net'
import type pg from 'pg'
import { driver } from './driver.ts'

/**
 * The private members of the driver that this project uses; no other file uses any. `package.json` pins the version
 * of pg, and `test/adapters/store-contract/pg-client.test.ts` names it: before an upgrade read `pg/lib/client.js` and
 * `connection.js` again.
 */
interface PrivateConnection {
  readonly stream: Pick<Socket, 'cork' | 'uncork' | 'destroy'>
  /** `connect` calls it with the socket of the server. */
  attachListeners: (stream: Pick<Socket, 'on'>) => void
}
/** From `BackendKeyData` (PostgreSQL manual, "Message Formats"); null if the server sent none. */
interface PrivateClient {
  readonly processID: number | null
}
const getConnection = (client: pg.Client): PrivateConnection =>
  (client as unknown as { readonly connection: PrivateConnection }).connection

/** statement_timeout is shorter than query_timeout: when the latter expires, the server is gone. */
const isQueryTimeout = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Query read timeout'

const withoutStatementName = (config: unknown): unknown =>
  typeof config === 'object' && config !== null && 'name' in config
    ? { ...config, name: undefined }
    : config

/**
 * The driver's client with four changes for which it has no option:
 * - A parser error, for example of a peer with another protocol, closes the connection with that error. In the driver
 *   it is thrown inside the socket's handler, where nothing can catch it.
 * - All messages of one turn of the event loop go out in one write at its end, so that a pipelined transaction is one
 *   packet, and the reads of many requests wake the server once.
 * - A query timeout closes the connection, so that the ROLLBACK after it does not wait as long again.
 * - Behind a pooler no statement has a name: the session that prepared it is that of another client a moment later.
 */
export class Client extends driver.Client {
  /** What showed that a pooler is between this client and the server; null where the session is this client's own. */
  pooler: string | null = null
  /** What each transaction has to set itself: statements with a semicolon before each; empty without a pooler. */
  localSettings = ''

  /** The server process that was announced at the start, as `pg_backend_pid()` writes it; a pooler announces its own. */
  get announcedProcess(): string {
    return String((this as unknown as PrivateClient).processID)
  }

  /** Closes the socket at once. After a failed TLS handshake `end` would wait for ever. */
  abandon(): void {
    getConnection(this).stream.destroy()
  }

  constructor(config?: pg.ClientConfig) {
    super(config)
    const connection = getConnection(this)
    const query = this.query.bind(this) as (...args: unknown[]) => unknown
    let corked = false
    this.query = ((...args: unknown[]) => {
      const { stream } = connection
      if (!corked) {
        corked = true
        stream.cork()
        setImmediate(() => {
          corked = false
          stream.uncork()
        })
      }
      const [config, ...rest] = args
      const result =
        this.pooler === null ? query(...args) : query(withoutStatementName(config), ...rest)
      if (result instanceof Promise)
        result.catch((error) => isQueryTimeout(error) && stream.destroy())
      return result
    }) as typeof this.query
    const attach = connection.attachListeners.bind(connection) as (stream: object) => void
    connection.attachListeners = (stream): void =>
      attach({
        on: (event: string, listener: (...values: unknown[]) => void) =>
          stream.on(event, (...values: unknown[]) => {
            try {
              listener(...values)
            } catch (error) {
              ;(stream as Socket).destroy(error as Error)
            }
          }),
      })
  }
}
