import { randomUUID } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withDeadline } from '../../concurrency/deadline.ts'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type { WriteRequest } from '../../core/rows/write-request.ts'
import { FfError } from '../../errors.ts'
import type {
  Announcement,
  AnnouncementResult,
  AuditOptions,
  RefusalResult,
  RefusedWrite,
  ServiceStore,
  WriteResult,
} from '../../ports/store.ts'
import { tryLock } from '../file-lock/file-lock.ts'
import { FileStore } from './file-store.ts'
import { fromSentError, type Operation, type OperationResult } from './hand-over.ts'
import { LogFollower } from './log-follower.ts'
import { endHolder, identifyProcess } from './process-identity.ts'
import { toStoreError } from './store-error.ts'
import { lockedError } from './store-lock.ts'
import type { StoreReader } from './store-reader.ts'
import { connectToWriter, type WriterChannel } from './writer-connection.ts'
import { findWriterSocket, WriterServer, type WriterSocket } from './writer-server.ts'

export interface SharedOptions {
  /** How long a writer may be silent before it is ended and replaced. */
  readonly leaseMs: number
  /** How long a write may take from the call to its line in this process, a take-over included. */
  readonly handOverMs: number
}
/** Signs of life, and looks at them, in one lease. */
const BEATS = 10
/** Between two attempts to find a writer or to become it. */
const RETRY_MS = 50
/** Writes that wait for a writer. */
const MAX_WAITING = 1_000

/** What a connection to a writer has brought so far. */
interface Seen {
  head: AuditChainHead | null
  /** Looks at it since the last message. */
  beatsMissed: number
  error: { readonly error: unknown } | null
}
interface Waiting {
  readonly operation: Operation
  readonly resolve: (result: OperationResult) => void
  readonly reject: (error: unknown) => void
}

/**
 * A file store that several processes of one host have open. The one that holds its lock is the writer. The others
 * follow: they read the log as it grows, hand each write to the writer and answer it once they have applied it, and one
 * of them takes over when the writer leaves, dies, or is silent for a lease; a silent writer is ended first.
 */
export class SharedFileStore implements ServiceStore {
  readonly kind = 'file'
  private readonly folder: string
  private readonly tools: AuditOptions
  private readonly options: SharedOptions
  private readonly stopping = new AbortController()
  private readonly waiting = new Map<string, Waiting>()
  private rows: StoreReader | null = null
  private follower: LogFollower | null = null
  private writer: FileStore | null = null
  /** The connection to the writer, once everything that it had announced is applied. */
  private channel: WriterChannel | null = null
  /** Why the last attempt to follow or to write failed; null after a success. */
  private fault: unknown = null
  private ended: Promise<void> = Promise.resolve()

  private constructor(folder: string, tools: AuditOptions, options: SharedOptions) {
    this.folder = folder
    this.tools = tools
    this.options = options
  }

  /**
   * Opens a store as its writer, or as a follower of it once the rows are in memory.
   *
   * @throws FfError `store_locked` where another process holds the lock and answers on no socket within `handOverMs`,
   *   `store_corrupt` for damage, `target_unreachable` for a missing folder, or another of `toStoreError`
   */
  static async open(
    folder: string,
    tools: AuditOptions,
    options: SharedOptions,
  ): Promise<SharedFileStore> {
    const store = new SharedFileStore(folder, tools, options)
    const ready = new Promise<void>((resolve, reject) => {
      store.ended = store.run(resolve)
      store.ended.catch(reject)
    })
    await withDeadline(ready, options.handOverMs, () => {
      store.stopping.abort()
      throw lockedError(folder)
    })
    return store
  }

  /** Whether this process is the writer. */
  get isWriter(): boolean {
    return this.writer !== null
  }

  read: ServiceStore['read'] = (query) => this.present().read(query)
  readMany: ServiceStore['readMany'] = (query) => this.present().readMany(query)
  page: ServiceStore['page'] = (query) => this.present().page(query)
  overrides: ServiceStore['overrides'] = (query) => this.present().overrides(query)
  audit: ServiceStore['audit'] = (query) => this.present().audit(query)
  revision: ServiceStore['revision'] = (query) => this.present().revision(query)
  auditHead: ServiceStore['auditHead'] = () => this.present().auditHead()

  /**
   * Makes a change, here or through the writer. Resolves once it is durable and applied to the rows of this process.
   *
   * @throws FfError `backing_unavailable` where no writer answered in time, when the change may still be made; or as
   *   `FileStore.write`
   */
  write(request: WriteRequest): Promise<WriteResult> {
    return this.submit('write', request) as Promise<WriteResult>
  }
  /** @throws FfError as `write` */
  refuse(refused: RefusedWrite): Promise<RefusalResult> {
    return this.submit('refuse', refused) as Promise<RefusalResult>
  }
  /** @throws FfError as `write` */
  announce(announcement: Announcement): Promise<AnnouncementResult> {
    return this.submit('announce', announcement) as Promise<AnnouncementResult>
  }

  /** @throws FfError `backing_unavailable` without a writer, or as `FileStore.requireWritable` */
  async requireWritable(): Promise<void> {
    if (this.writer !== null) return this.writer.requireWritable()
    if (this.channel === null) throw this.fault ?? noWriterError(this.folder)
  }

  /** Gives up the lock after the queued writes, or stops following; rejects writes that wait. @throws as `FileStore` */
  async close(): Promise<void> {
    this.stopping.abort()
    await this.ended
    for (const op_id of this.waiting.keys()) this.fail(op_id, noWriterError(this.folder))
  }

  private present(): StoreReader {
    if (this.rows === null) throw noWriterError(this.folder)
    return this.rows
  }

  private submit(call: Operation['call'], request: Operation['request']): Promise<OperationResult> {
    const operation = { op_id: randomUUID(), absent_to: null, call, request } as Operation
    if (this.writer !== null) return perform(this.writer, operation)
    if (this.stopping.signal.aborted || this.waiting.size >= MAX_WAITING)
      return Promise.reject(noWriterError(this.folder))
    return new Promise((resolve, reject) => {
      const { op_id } = operation
      const timer = setTimeout(
        () => this.fail(op_id, lateError(this.folder)),
        this.options.handOverMs,
      )
      this.waiting.set(op_id, {
        operation,
        resolve: (result) => (clearTimeout(timer), resolve(result)),
        reject: (error) => (clearTimeout(timer), reject(error as Error)),
      })
      this.channel?.send(operation)
    })
  }

  private settle(op_id: string, result: () => OperationResult): void {
    const waiting = this.waiting.get(op_id)
    if (waiting === undefined) return
    this.waiting.delete(op_id)
    waiting.resolve(result())
  }
  private fail(op_id: string, error: unknown): void {
    const waiting = this.waiting.get(op_id)
    this.waiting.delete(op_id)
    waiting?.reject(error)
  }

  /** Follows and writes by turns until `close`. @throws what the first attempt meets */
  private async run(ready: () => void): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.takePart(ready)
        this.fault = null
      } catch (error) {
        if (this.rows === null) throw toStoreError(error, this.folder)
        this.fault = toStoreError(error, this.folder)
      }
      await sleep(RETRY_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined)
    }
  }

  private async takePart(ready: () => void): Promise<void> {
    const socket = await findWriterSocket(this.folder)
    const left = socket === null ? 'gone' : await this.follow(socket, ready)
    if (this.stopping.signal.aborted) return
    const path = join(this.folder, '.lock')
    const lock = await tryLock(path)
    if (lock !== null) await this.lead(lock, ready)
    else if (socket !== null && left === 'silent') await endHolder(socket.process, path)
  }

  /** Follows a writer until it is gone, or has been silent for a lease. @throws what keeps it from following */
  private async follow(socket: WriterSocket, ready: () => void): Promise<'gone' | 'silent'> {
    const seen: Seen = { head: null, beatsMissed: 0, error: null }
    let turn: Promise<void> = Promise.resolve()
    const channel = await connectToWriter(this.folder, socket, (message, from) => {
      seen.beatsMissed = 0
      if (message.kind === 'durable') seen.head = message.head
      if (message.kind === 'failed') this.fail(message.op_id, fromSentError(message.error))
      turn = turn.then(() => this.catchUp(seen, from, ready))
      if (message.kind === 'done' && leavesNoLine(message.result)) {
        const { op_id, result } = message
        turn = turn.then(() => this.settle(op_id, () => result))
      }
    })
    if (channel === null) return 'gone'
    const stop = (): void => channel.end()
    this.stopping.signal.addEventListener('abort', stop)
    if (this.stopping.signal.aborted) stop()
    // Beats are counted and not time: a process that was frozen itself has seen none of them.
    const timer = setInterval(() => {
      seen.beatsMissed += 1
      if (seen.beatsMissed > BEATS) channel.end()
    }, this.options.leaseMs / BEATS)
    await channel.ended
    clearInterval(timer)
    this.stopping.signal.removeEventListener('abort', stop)
    // What has arrived is applied, and hands nothing over any more.
    await turn
    this.channel = null
    if (seen.error !== null) throw seen.error.error
    return seen.beatsMissed > BEATS ? 'silent' : 'gone'
  }

  /** Applies what is announced, and hands over what waits once that is done. Ends the channel where it fails. */
  private async catchUp(seen: Seen, channel: WriterChannel, ready: () => void): Promise<void> {
    if (seen.head === null || seen.error !== null) return
    try {
      await this.apply(seen.head)
    } catch (error) {
      seen.error = { error }
      channel.end()
      return
    }
    ready()
    if (this.channel === channel) return
    // Only now: what the log holds already is settled.
    this.channel = channel
    const absent_to = this.follower?.lastSeq ?? null
    for (const { operation } of this.waiting.values()) channel.send({ ...operation, absent_to })
  }

  private async apply(to: AuditChainHead): Promise<void> {
    if (this.follower === null) {
      this.follower = await LogFollower.open(this.folder, to, (op_id, result) =>
        this.settle(op_id, result),
      )
      this.rows = this.follower
    } else await this.follower.advance(to)
  }

  /** Writes until `close`, or until another process has claimed the store. */
  private async lead(lock: FileHandle, ready: () => void): Promise<void> {
    let server: WriterServer | null = null
    const store = await FileStore.openLocked(this.folder, this.tools, {
      held: lock,
      durable: true,
      committed: (head) => server?.announce(head),
    })
    try {
      const head = await store.auditHead()
      // Operations that the writer before has written are settled by their lines.
      await this.follower?.advance(head)
      const self = await identifyProcess(process.pid)
      if (self === null) throw noWriterError(this.folder)
      server = await WriterServer.listen(this.folder, {
        term: store.term,
        process: self,
        head,
        run: (operation) => performOrLeave(store, operation),
      })
      this.rows = this.writer = store
      this.follower = null
      ready()
      for (const { operation } of this.waiting.values())
        perform(store, operation).then(
          (result) => this.settle(operation.op_id, () => result),
          (error: unknown) => this.fail(operation.op_id, error),
        )
      await this.beat(store, server)
    } finally {
      this.writer = null
      server?.stop()
      try {
        await store.close()
      } finally {
        await server?.close()
      }
    }
  }

  /** Gives signs of life. @throws FfError `backing_unavailable` after another process has claimed the store */
  private async beat(store: FileStore, server: WriterServer): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      await store.requireTerm()
      server.announce(await store.auditHead())
      await sleep(this.options.leaseMs / BEATS, undefined, { signal }).catch(() => undefined)
    }
  }
}

async function perform(store: FileStore, operation: Operation): Promise<OperationResult> {
  const { op_id } = operation
  if (operation.call === 'write') return store.write(operation.request, op_id)
  if (operation.call === 'refuse') return store.refuse(operation.request, op_id)
  if (operation.call === 'announce') return store.announce(operation.request, op_id)
  throw new Error(`no operation is called ${JSON.stringify(operation)}`)
}

/** As `perform`; null where it failed because another process has taken the store over: the line may be there. */
async function performOrLeave(
  store: FileStore,
  operation: Operation,
): Promise<OperationResult | null> {
  try {
    return await perform(store, operation)
  } catch (error) {
    const isReplaced = await store.requireTerm().then(
      () => false,
      () => true,
    )
    if (isReplaced) return null
    throw error
  }
}

/** Whether no line of the log will settle an operation with this result. */
const leavesNoLine = (result: OperationResult): boolean =>
  !result.ok || ('unchanged' in result && result.unchanged)

const noWriterError = (folder: string): FfError =>
  new FfError('backing_unavailable', `No process writes to the file store ${folder}.`, {
    hint: 'Wait a second: an instance on the same host takes over from a writer that ended.',
  })
const lateError = (folder: string): FfError =>
  new FfError(
    'backing_unavailable',
    `The writer of the file store ${folder} did not answer in time; the change may still be made.`,
    { hint: 'Read the row again before you repeat the change.' },
  )
