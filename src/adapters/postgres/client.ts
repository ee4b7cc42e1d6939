import type { Socket } from 'node:net'
import pg from 'pg'

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
const getConnection = (client: pg.Client): PrivateConnection =>
  (client as unknown as { readonly connection: PrivateConnection }).connection

/** statement_timeout is shorter than query_timeout: when the latter expires, the server is gone. */
const isQueryTimeout = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Query read timeout'

/**
 * The driver's client with three changes for which it has no option:
 * - A parser error, for example of a peer with another protocol, closes the connection with that error. In the driver
 *   it is thrown inside the socket's handler, where nothing can catch it.
 * - All messages of one turn of the event loop go out in one write, so that a pipelined transaction is one packet.
 * - A query timeout closes the connection, so that the ROLLBACK after it does not wait as long again.
 */
export class Client extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config)
    const connection = getConnection(this)
    const query = this.query.bind(this) as (...args: unknown[]) => unknown
    this.query = ((...args: unknown[]) => {
      const { stream } = connection
      stream.cork()
      process.nextTick(() => stream.uncork())
      const result = query(...args)
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
