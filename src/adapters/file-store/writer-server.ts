import { once } from 'node:events'
import { type FileHandle, open, readdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import {
  type Operation,
  type OperationResult,
  toSentError,
  type WriterMessage,
} from './hand-over.ts'
import { LineChannel } from './line-channel.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** Other instances on the host, with room. */
const MAX_FOLLOWERS = 64
/** Operations whose outcome is kept for a follower that asks again: far more than are in flight. */
const MAX_KEPT = 4_000
const NAME = /^\.writer-(\d{10})-(\d+)-(\d+)\.sock$/

type Channel = LineChannel<WriterMessage, Operation>

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
  private readonly run: (operation: Operation) => Promise<OperationResult>
  private readonly channels = new Set<Channel>()
  /** By `op_id`, oldest first: a follower that lost its connection asks for the same operation again. */
  private readonly outcomes = new Map<string, Promise<WriterMessage>>()
  private head: AuditChainHead
  private closing = false

  private constructor(server: Server, held: FileHandle, options: WriterServerOptions) {
    this.server = server
    this.held = held
    this.head = options.head
    this.run = options.run
    server.maxConnections = MAX_FOLLOWERS
    server.on('connection', (socket) => {
      const channel: Channel = new LineChannel(socket, (operation) => {
        // The follower hands it to the next writer.
        if (!this.closing) void this.perform(operation).then((message) => channel.send(message))
      })
      this.channels.add(channel)
      void channel.ended.then(() => this.channels.delete(channel))
      channel.send({ kind: 'durable', head: this.head })
    })
  }

  /**
   * Removes the sockets of earlier writers, and listens on one of its own (mode 0600).
   *
   * @throws the system's error
   */
  static async listen(folder: string, options: WriterServerOptions): Promise<WriterServer> {
    const { term, process } = options
    for (const { name } of await listSockets(folder)) await rm(join(folder, name), { force: true })
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

  private perform(operation: Operation): Promise<WriterMessage> {
    const { op_id } = operation
    const known = this.outcomes.get(op_id)
    if (known !== undefined) return known
    // A later version may send what this one cannot run.
    const outcome = Promise.resolve(operation)
      .then(this.run)
      .then(
        (result): WriterMessage => ({ kind: 'done', op_id, result }),
        (error: unknown): WriterMessage => ({ kind: 'failed', op_id, error: toSentError(error) }),
      )
    this.outcomes.set(op_id, outcome)
    for (const oldest of this.outcomes.keys()) {
      if (this.outcomes.size <= MAX_KEPT) break
      this.outcomes.delete(oldest)
    }
    return outcome
  }
}

interface WriterServerOptions {
  readonly term: number
  /** This process. */
  readonly process: ProcessIdentity
  readonly head: AuditChainHead
  readonly run: (operation: Operation) => Promise<OperationResult>
}
