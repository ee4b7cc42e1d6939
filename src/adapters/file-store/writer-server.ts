import { once } from 'node:events'
import { type FileHandle, open, readdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type { CarriedOut } from '../../ports/cutover.ts'
import {
  type HandedOperation,
  isHandedOperation,
  isSyncRequest,
  type SyncRequest,
  toSentError,
  type WriterMessage,
} from './hand-over.ts'
import { LineChannel } from './line-channel.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** Other instances on the host, with room. */
const MAX_FOLLOWERS = 64
const NAME = /^\.writer-(\d{10})-(\d+)-(\d+)\.sock$/

type Channel = LineChannel<WriterMessage, object>

/** The socket of a writer. Its name says the writer's term and process. */
export interface WriterSocket {
  readonly name: string
  readonly term: number
  readonly process: ProcessIdentity
}

/** Finds the socket of the newest writer; null where there is none. It may have ended. @throws the system's error */
export async function findWriterSocket(folder: string): Promise<WriterSocket | null> {
  const found = (await listSockets(folder)).at(-1)
  return found ?? null
}

async function listSockets(folder: string): Promise<readonly WriterSocket[]> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name)).sort()
  return names.map((name) => {
    const [, term, pid, start = ''] = NAME.exec(name) ?? []
    return { name, term: Number(term), process: { pid: Number(pid), start } }
  })
}

/**
 * A path to a file of a folder that is short enough for a socket (107 bytes), whatever the length of the folder's.
 *
 * @param held the open folder; valid while it is open
 */
export const toSocketPath = (held: FileHandle, name: string): string =>
  `/proc/self/fd/${held.fd}/${name}`

/** Announces what is durable to the followers of a store, and takes their operations, on a Unix socket in its folder. */
export class WriterServer {
  private readonly server: Server
  private readonly held: FileHandle
  private readonly run: WriterServerOptions['run']
  private readonly confirm: WriterServerOptions['confirm']
  private readonly settle: WriterServerOptions['settle']
  private readonly channels = new Set<Channel>()
  /** What is under way, by name: a follower that lost its connection sends the same operation again. */
  private readonly running = new Map<string, Promise<WriterMessage | null>>()
  private head: AuditChainHead
  private closing = false

  private constructor(server: Server, held: FileHandle, options: WriterServerOptions) {
    this.server = server
    this.held = held
    this.head = options.head
    this.run = options.run
    this.confirm = options.confirm
    this.settle = options.settle
    server.maxConnections = MAX_FOLLOWERS
    server.on('connection', (socket) => {
      const channel: Channel = new LineChannel(socket, (operation) => {
        // The follower hands it to the next writer.
        if (this.closing) return
        if (isSyncRequest(operation)) return this.sync(channel, operation)
        if (!isHandedOperation(operation)) return channel.end()
        void this.perform(operation).then((message) => message !== null && channel.send(message))
      })
      this.channels.add(channel)
      void channel.ended.then(() => this.channels.delete(channel))
      channel.send({ kind: 'durable', head: this.head })
    })
  }

  /**
   * Removes the sockets of earlier terms, and listens on one of its own (mode 0600).
   *
   * @throws the system's error
   */
  static async listen(folder: string, options: WriterServerOptions): Promise<WriterServer> {
    const { term, process } = options
    // Not those of later terms: this writer may have been frozen, and replaced.
    const before = (await listSockets(folder)).filter((one) => one.term < term)
    for (const { name } of before) await rm(join(folder, name), { force: true })
    const name = `.writer-${String(term).padStart(10, '0')}-${process.pid}-${process.start}.sock`
    const held = await open(folder, 'r')
    const server = createServer()
    try {
      const writer = new WriterServer(server, held, options)
      server.listen({ path: toSocketPath(held, name), readableAll: false, writableAll: false })
      await once(server, 'listening')
      return writer
    } catch (error) {
      await held.close()
      throw error
    }
  }

  /** Tells every follower up to where the log is durable; called without news it is a sign of life. */
  announce(head: AuditChainHead): void {
    this.head = head
    for (const channel of this.channels) channel.send({ kind: 'durable', head })
  }

  /** Takes no further operation. */
  stop(): void {
    this.closing = true
  }

  /** Ends every connection, after what waits to be sent, and removes the socket. @throws the system's error */
  async close(): Promise<void> {
    this.stop()
    const closed = once(this.server, 'close')
    this.server.close()
    await Promise.all([...this.channels].map((channel) => channel.finish()))
    await closed
    await this.held.close()
  }

  /** A writer that was replaced gives no answer: the follower asks the next one. */
  private sync(channel: Channel, { sync, settles }: SyncRequest): void {
    const confirmed = settles === true ? this.settle().then(this.confirm) : this.confirm()
    confirmed.then(
      () => {
        channel.send({ kind: 'durable', head: this.head })
        channel.send({ kind: 'synced', sync })
      },
      () => channel.end(),
    )
  }

  private perform(operation: HandedOperation): Promise<WriterMessage | null> {
    const { op_id, request_digest } = operation.name
    // Another request under the same key is judged by itself.
    const name = `${op_id} ${request_digest}`
    const known = this.running.get(name)
    if (known !== undefined) return known
    const started = this.carryOut(operation).finally(() => this.running.delete(name))
    this.running.set(name, started)
    return started
  }

  /** @returns null where another process has taken the store over: it has the line, or gets the operation again */
  private async carryOut(operation: HandedOperation): Promise<WriterMessage | null> {
    const { op_id } = operation.name
    try {
      const done = await this.run(operation)
      return done === null ? null : { kind: 'done', op_id, done }
    } catch (error) {
      return { kind: 'failed', op_id, error: toSentError(error) }
    }
  }
}

interface WriterServerOptions {
  readonly term: number
  /** This process. */
  readonly process: ProcessIdentity
  readonly head: AuditChainHead
  /** Carries an operation out; null where another process has taken the store over meanwhile. */
  readonly run: (operation: HandedOperation) => Promise<CarriedOut | null>
  /** Rejects once a later term is claimed. */
  readonly confirm: () => Promise<void>
  /** Resolves once the operations that were begun before are in the log, or never will be. */
  readonly settle: () => Promise<void>
}
