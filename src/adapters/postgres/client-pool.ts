import type { Client } from './client.ts'

const closedError = (): Error => new Error('Connection terminated: the pool is closed')

interface Waiting {
  readonly take: (client: Client) => void
  readonly fail: (error: unknown) => void
}

/**
 * At most so many connections, opened when they are needed and then kept. The driver's own pool knows one host alone,
 * while here `open` looks for the server that will do each time.
 */
export class ClientPool {
  private readonly open: () => Promise<Client>
  private readonly connections: number
  private readonly waitMs: number
  private readonly idle: Client[] = []
  private readonly waiting: Waiting[] = []
  private readonly clients = new Set<Client>()
  /** Connections that are open or being opened. */
  private count = 0
  private ended = false
  private onEmpty = (): void => undefined

  constructor(
    open: () => Promise<Client>,
    /** `waitMs` limits the wait for a free connection. */
    { connections, waitMs }: { readonly connections: number; readonly waitMs: number },
  ) {
    this.open = open
    this.connections = connections
    this.waitMs = waitMs
  }

  /**
   * Takes a connection until `release`: a free one, a new one, or the next that becomes free.
   *
   * @throws the error of the opening; Error `timeout exceeded ...` if none became free in time
   */
  async take(): Promise<Client> {
    if (this.ended) throw closedError()
    const free = this.idle.pop()
    if (free !== undefined) return free
    if (this.count < this.connections) return this.add()
    return new Promise((resolve, reject) => {
      const late = (): void => {
        this.waiting.splice(this.waiting.indexOf(waiting), 1)
        reject(new Error('timeout exceeded when waiting for a free connection'))
      }
      const timer = setTimeout(late, this.waitMs)
      const waiting: Waiting = {
        take: (client) => (clearTimeout(timer), resolve(client)),
        fail: (error) => (clearTimeout(timer), reject(error)),
      }
      this.waiting.push(waiting)
    })
  }

  /** Gives a connection back for the next caller. */
  release(client: Client): void {
    if (this.ended) return this.discard(client)
    if (!this.clients.has(client)) return this.refill()
    const next = this.waiting.shift()
    if (next === undefined) this.idle.push(client)
    else next.take(client)
  }

  /** Closes a connection that was taken, with the transaction that it may have open. */
  discard(client: Client): void {
    this.forget(client)
    client.end().catch(() => undefined) // It was of no use any more.
    this.refill()
  }

  /** Closes the free connections, so that the next ones are opened to the server that will do then. */
  discardIdle(): void {
    for (const client of this.idle.splice(0)) this.discard(client)
  }

  /** Runs `use` with a connection, and closes the connection if `use` fails. @throws what `take` and `use` throw */
  async with<T>(use: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.take()
    try {
      const result = await use(client)
      this.release(client)
      return result
    } catch (error) {
      this.discard(client)
      throw error
    }
  }

  /** Closes every connection, once its caller has released it. A caller that still waits for one fails. */
  async end(): Promise<void> {
    this.ended = true
    for (const { fail } of this.waiting.splice(0)) fail(closedError())
    const empty = new Promise<void>((resolve) => (this.onEmpty = resolve))
    this.discardIdle()
    if (this.count > 0) await empty
  }

  private async add(): Promise<Client> {
    this.count += 1
    let client: Client
    try {
      client = await this.open()
    } catch (error) {
      this.shrink()
      this.refill()
      throw error
    }
    this.clients.add(client)
    if (this.ended) {
      this.discard(client)
      throw closedError()
    }
    // A free connection that breaks is of no use; one in use rejects its query.
    const lost = (): void => this.forget(client)
    client.on('error', lost)
    client.on('end', lost)
    return client
  }

  private forget(client: Client): void {
    if (!this.clients.delete(client)) return
    this.shrink()
    const at = this.idle.indexOf(client)
    if (at >= 0) this.idle.splice(at, 1)
  }

  private shrink(): void {
    this.count -= 1
    if (this.count === 0) this.onEmpty()
  }

  /** Opens a connection for the first caller that waits, after another was lost. */
  private refill(): void {
    if (this.count >= this.connections || this.ended) return
    const next = this.waiting.shift()
    if (next !== undefined) this.add().then(next.take, next.fail)
  }
}
