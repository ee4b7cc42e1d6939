import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withDeadline } from '../../concurrency/deadline.ts'
import { untilAborted } from '../../concurrency/until-aborted.ts'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type {
  CarriedOut,
  ManagedFileOptions,
  ManagedFileStore,
  NamedOperation,
} from '../../ports/cutover.ts'
import type { AuditOptions } from '../../ports/store.ts'
import { tryLock } from '../file-lock/file-lock.ts'
import { FileStore } from './file-store.ts'
import { createFileWriter } from './file-writer.ts'
import {
  type CarryOutHanded,
  carryOutOrLeave,
  fromSentError,
  type HandedOperation,
  requireKnownOutcome,
} from './hand-over.ts'
import { WaitingOperation, WaitingOperations } from './handed-operation.ts'
import { LogFollower } from './log-follower.ts'
import { endHolder, identifyProcess } from './process-identity.ts'
import { noWriterError, toStoreError } from './store-error.ts'
import { isClaimed, lockedError } from './store-lock.ts'
import type { StoreReader } from './store-reader.ts'
import { WaitingSyncs } from './waiting-syncs.ts'
import { connectToWriter, type WriterChannel } from './writer-connection.ts'
import { findWriterSocket, WriterServer, type WriterSocket } from './writer-server.ts'

/** Signs of life, and looks at them, in one lease. */
const BEATS = 10
/** Between two attempts to find a writer or to become it. */
const RETRY_MS = 50
/** Operations that wait for a writer. */
const MAX_WAITING = 1_000

/** What a connection to a writer has brought so far. */
interface Seen {
  head: AuditChainHead | null
  /** Looks at it since the last message. */
  beatsMissed: number
  error: { readonly error: unknown } | null
}
type CarryOut = (operation: NamedOperation) => Promise<CarriedOut>

/**
 * A file store that several processes of one host have open. The one that holds its lock is the writer. The others
 * follow: they read the log as it grows, hand each operation to the writer and answer it once the writer has answered and
 * they have applied it, and one of them takes over when the writer leaves, dies, or is silent for a lease; a silent writer
 * is ended first.
 */
export class SharedFileStore implements ManagedFileStore {
  readonly kind = 'file'
  private readonly folder: string
  private readonly tools: AuditOptions
  private readonly options: ManagedFileOptions
  private readonly stopping = new AbortController()
  private readonly waiting = new WaitingOperations()
  private readonly syncs = new WaitingSyncs()
  private rows: StoreReader | null = null
  private follower: LogFollower | null = null
  private writer: FileStore | null = null
  /** How this process carries operations out while it is the writer. */
  private carryOut: CarryOut | null = null
  /** The connection to the writer, once everything that it had announced is applied. */
  private channel: WriterChannel | null = null
  /** The last record that the writer has announced. */
  private announced: AuditChainHead | null = null
  /** Why the last attempt to follow or to write failed; null after a success. */
  private fault: unknown = null
  private ended: Promise<void> = Promise.resolve()

  private constructor(folder: string, tools: AuditOptions, options: ManagedFileOptions) {
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
    options: ManagedFileOptions,
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

  isCurrent(): boolean {
    if (this.writer !== null) return true
    const applied = this.follower?.lastSeq ?? -1
    return this.channel !== null && this.announced !== null && applied >= this.announced.seq
  }

  read: ManagedFileStore['read'] = (query) => this.present().read(query)
  readMany: ManagedFileStore['readMany'] = (query) => this.present().readMany(query)
  page: ManagedFileStore['page'] = (query) => this.present().page(query)
  overrides: ManagedFileStore['overrides'] = (query) => this.present().overrides(query)
  audit: ManagedFileStore['audit'] = (query) => this.present().audit(query)
  revision: ManagedFileStore['revision'] = (query) => this.present().revision(query)
  auditHead: ManagedFileStore['auditHead'] = () => this.present().auditHead()

  /** As the port says. */
  sync(): Promise<void> {
    if (this.writer !== null) return this.writer.requireTerm()
    return this.syncs.wait(this.channel, this.options.handOverMs, () => {
      throw noWriterError(this.folder)
    })
  }

  /** As the port says. @throws FfError `backing_unavailable` where more than 1,000 operations wait; that of `carryOut` */
  submit(operation: NamedOperation): Promise<CarriedOut> {
    if (this.carryOut !== null) return this.carryOut(operation)
    if (this.stopping.signal.aborted || this.waiting.size >= MAX_WAITING)
      return Promise.reject(noWriterError(this.folder))
    const { op_id } = operation.name
    const known = this.waiting.find(op_id)
    if (known !== undefined) return this.join(known, operation)
    const waiting = new WaitingOperation(operation, this.follower?.lastSeq ?? 0)
    const timer = setTimeout(
      () => this.waiting.update(op_id, () => waiting.late()),
      this.options.handOverMs,
    )
    this.waiting.add(op_id, waiting)
    const sent = this.channel === null ? null : waiting.takeToSend()
    if (sent !== null) this.channel?.send(sent)
    return waiting.promise.finally(() => clearTimeout(timer))
  }

  /** The answer to the same operation, which waits already; another one under that name is judged behind it. */
  private async join(known: WaitingOperation, operation: NamedOperation): Promise<CarriedOut> {
    if (known.digest === operation.name.request_digest) return known.promise
    await known.promise.catch(() => undefined) // Its own caller gets the error.
    return this.submit(operation)
  }

  /** @throws FfError `backing_unavailable` without a writer, or as `FileStore.requireWritable` */
  async requireWritable(): Promise<void> {
    if (this.writer !== null) return this.writer.requireWritable()
    if (this.channel === null) throw this.fault ?? noWriterError(this.folder)
  }

  /**
   * Gives up the lock after the queued writes, or stops following; answers what waits as late. @throws as `FileStore`
   */
  async close(): Promise<void> {
    this.stopping.abort()
    await this.ended
    this.waiting.late()
  }

  private present(): StoreReader {
    if (this.rows === null) throw noWriterError(this.folder)
    return this.rows
  }

  private answered(op_id: string, done: CarriedOut): void {
    this.waiting.update(op_id, (waiting) =>
      waiting.answered(done, this.follower?.lastSeq ?? Infinity),
    )
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
    // A command that ends writers takes the lock itself; a writer in its way would be ended next.
    if (this.stopping.signal.aborted || (await isClaimed(this.folder))) return
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
      if (message.kind === 'durable') this.announced = seen.head = message.head
      if (message.kind === 'failed')
        this.waiting.update(message.op_id, (waiting) =>
          waiting.failed(fromSentError(message.error)),
        )
      if (message.kind === 'done') this.answered(message.op_id, message.done)
      turn = turn.then(() => this.catchUp(seen, from, ready))
      if (message.kind === 'synced')
        turn = turn.then(() => seen.error ?? this.syncs.end(message.sync)).then(() => undefined)
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
    this.channel = channel
    for (const operation of this.waiting.takeUnanswered()) channel.send(operation)
    this.syncs.askAgain(channel)
  }

  private async apply(to: AuditChainHead): Promise<void> {
    if (this.follower === null) this.rows = this.follower = await LogFollower.open(this.folder, to)
    else await this.follower.advance(to)
    this.waiting.applied(this.follower.lastSeq)
  }

  /** Writes until `close`, or until another process has claimed the store. */
  private async lead(lock: FileHandle, ready: () => void): Promise<void> {
    let server: WriterServer | null = null
    const store = await FileStore.openLocked(this.folder, this.tools, {
      held: lock,
      durable: true,
      committed: (head) => server?.announce(head),
    })
    const ended = new AbortController()
    let leading: Promise<void> | null = null
    try {
      const head = await store.auditHead()
      const writer = createFileWriter(store)
      const self = await identifyProcess(process.pid)
      if (self === null) throw noWriterError(this.folder)
      const carryOut: CarryOut = async (operation) => {
        await leading
        return this.options.carryOut(writer, operation)
      }
      const carryOutHanded = async (operation: HandedOperation): Promise<CarriedOut> => {
        requireKnownOutcome(store.names, operation)
        return carryOut(operation)
      }
      server = await WriterServer.listen(this.folder, {
        term: store.term,
        process: self,
        head,
        run: (operation) => carryOutOrLeave(store, operation, carryOutHanded),
        confirm: () => store.requireTerm(),
        settle: store.settle,
      })
      const beating = this.beat(store, server, ended.signal)
      beating.catch(() => undefined) // Met below, once the process leads.
      this.rows = this.writer = store
      this.follower = null
      this.waiting.applied(head.seq)
      leading = this.options.leading(writer)
      this.carryOut = carryOut
      this.retake(carryOutHanded)
      this.syncs.endAll()
      await leading
      ready()
      await Promise.race([beating, untilAborted(this.stopping.signal)])
    } finally {
      this.writer = this.carryOut = null
      server?.stop()
      await this.release(store, server, { ended, leading })
    }
  }

  /** Carries out here what waited for another writer. */
  private retake(carryOut: CarryOutHanded): void {
    for (const operation of this.waiting.takeUnanswered()) {
      const { op_id } = operation.name
      carryOut(operation).then(
        (done) => this.answered(op_id, done),
        (error: unknown) => this.waiting.update(op_id, (waiting) => waiting.failed(error)),
      )
    }
  }

  /** Gives signs of life until what leads has ended, and frees the lock last. */
  private async release(
    store: FileStore,
    server: WriterServer | null,
    { ended, leading }: { readonly ended: AbortController; readonly leading: Promise<void> | null },
  ): Promise<void> {
    try {
      if (leading !== null) await this.options.leading(null)
    } finally {
      ended.abort()
      try {
        await store.close()
      } finally {
        await server?.close()
      }
    }
  }

  /**
   * Gives signs of life. @throws FfError `backing_unavailable` after another process has claimed the store
   */
  private async beat(store: FileStore, server: WriterServer, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await store.requireTerm()
      server.announce(await store.auditHead())
      await sleep(this.options.leaseMs / BEATS, undefined, { signal }).catch(() => undefined)
    }
  }
}
