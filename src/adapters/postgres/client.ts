import type { Socket } from 'node:net'
import pg from 'pg'

/**
 * What of the driver is used that is not public, all of it here. `package.json` pins the exact version of pg, and
 * `test/adapters/store-contract/pg-client.test.ts` names it: another version is read first (`pg/lib/client.js`, `connection.js`).
 */
interface PrivateConnection {
  readonly stream: Pick<Socket, 'cork' | 'uncork' | 'destroy'>
  /** Called by `connect`, with the socket that the server is heard on. */
  attachListeners: (stream: Pick<Socket, 'on'>) => void
}
const getConnection = (client: pg.Client): PrivateConnection =>
  (client as unknown as { readonly connection: PrivateConnection }).connection

/** The server ends a statement before this: where it did not, the link is dead. */
const isSilent = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Query read timeout'

/**
 * The driver's client with three changes that it has no option for.
 *
 * Its parser throws inside the socket's own handler where the peer speaks another protocol, and nothing could catch
 * that: here the connection breaks with the error instead. And it writes each message by itself: here all messages of
 * one turn of the event loop go out in one write, which makes a transaction sent ahead one packet. A connection whose
 * answer did not come in time is closed, so that no ROLLBACK waits as long again.
 */
export class Client extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config)
    const connection = getConnection(this)
    const query = this.query.bind(this) as (...asked: unknown[]) => unknown
    this.query = ((...asked: unknown[]) => {
      const { stream } = connection
      stream.cork()
      process.nextTick(() => stream.uncork())
      const answer = query(...asked)
      if (answer instanceof Promise) answer.catch((error) => isSilent(error) && stream.destroy())
      return answer
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
