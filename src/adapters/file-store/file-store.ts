import { constants } from 'node:fs'
import { access, type FileHandle, mkdir, statfs } from 'node:fs/promises'
import { type AuditChainHead, EMPTY_HEAD, toChainHead } from '../../core/audit/record.ts'
import type { WriteRequest } from '../../core/rows/write-request.ts'
import type { RowsByTable } from '../../core/rows/rows.ts'
import type { CopiedChange, NamedOperation } from '../../ports/cutover.ts'
import type {
  Announcement,
  AnnouncementResult,
  AuditOptions,
  RefusalResult,
  RefusedWrite,
  ScratchStore,
  ServiceStore,
  WriteResult,
} from '../../ports/store.ts'
import { requireFilePhase } from './cutover-file.ts'
import { takeLock } from './store-lock.ts'
import { compactFolder, readCompactionThreshold } from './compaction.ts'
import { FileChain, requireContinued } from './file-chain.ts'
import { formatLogLine } from './log.ts'
import { diskFullError, LogWriter } from './log-writer.ts'
import { GlobalLimit } from './global-limit.ts'
import { finishRebuild } from './rebuild-store.ts'
import { RecentChanges } from './recent-changes.ts'
import { type OpenedFolder, replayStore } from './replay-store.ts'
import { RowIndex } from './row-index.ts'
import { claimNextTerm } from './segments.ts'
import {
  countIndexRows,
  readSnapshot,
  type Snapshot,
  type SnapshotWritten,
  writeSnapshot,
} from './snapshot.ts'
import { copyRows, type NamedStoreResult, StagedBatch } from './stage.ts'
import { closedError, epochError, toStoreError } from './store-error.ts'
import { StoreReader } from './store-reader.ts'
import { makeWriteName, readWriteNames, type WriteNames } from './write-names.ts'

/** The longest log, as a multiple of the length at which a compaction is due. */
const LONGEST_LOG = 4

export interface FileStoreOptions {
  /** Whether each write waits for the disk. False for a scratch store, which need not survive a power cut. */
  readonly durable: boolean
  /** False where no other process knows the folder, because each lock starts a process. Absent is true. */
  readonly lock?: boolean
  /** Called with the audit head after each batch of lines that is on the disk, before their writes resolve. */
  readonly committed?: (head: AuditChainHead) => void
}
const DURABLE: FileStoreOptions = { durable: true }

interface QueuedWrite {
  readonly operation: NamedOperation
  readonly resolve: (result: NamedStoreResult) => void
  readonly reject: (error: unknown) => void
}

/** Flags and overrides in a folder: a snapshot and an append-only log (docs/reference/file-store.md). One writer. */
export class FileStore extends StoreReader implements ScratchStore, ServiceStore {
  private readonly lock: FileHandle | null
  private readonly tools: AuditOptions
  private readonly durable: boolean
  private readonly committed: (head: AuditChainHead) => void
  private snapshot: Snapshot
  private readonly log: LogWriter
  /** Of the segments that are written now: `startEpoch` raises it. */
  epoch: number
  protected head: AuditChainHead
  private queue: QueuedWrite[] = []
  private closed = false
  private turn: Promise<unknown> = Promise.resolve()
  /** The last replacement of the snapshot: they run one after the other, each across several turns of writes. */
  private replacement: Promise<unknown> = Promise.resolve()
  /** Length of the log since the snapshot, and the length above which a compaction is due, in bytes. */
  private logBytes: number
  private compactAbove: number
  private compacting = false
  /** The part of a running compaction that needs no turn. */
  private merge: Promise<void> | null = null
  /** The error of the last compaction that the log's length started; null after a success. */
  private compactionError: { readonly error: unknown } | null = null
  private readonly globals = new GlobalLimit()
  readonly names: WriteNames
  private readonly recent = new RecentChanges()
  readonly chain: FileChain
  /** Claimed at the start: the same while this process holds the lock. */
  readonly term: number

  private constructor(folder: string, lock: FileHandle | null, opened: OpenedStore) {
    super(folder)
    this.durable = opened.durable
    this.committed = opened.committed ?? (() => undefined)
    this.lock = lock
    this.tools = opened.tools
    this.snapshot = opened.snapshot
    this.epoch = opened.epoch
    this.head = opened.tail.head
    this.log = opened.log
    this.term = opened.log.term
    this.names = opened.names
    this.chain = new FileChain(folder, () => this.head, this.recent)
    this.logBytes = opened.tail.bytes
    this.compactAbove = opened.compactAbove
  }

  /**
   * Locks the folder, replays the log, begins a segment that follows its last whole line, and compacts a long log; it
   * also does so later, while it serves. Holds the lock, if it takes one, until `close`.
   *
   * @throws FfError `store_locked` while another process has it open, `phase_refused` during a cutover, `store_corrupt`
   *   for damage, `target_unreachable` for a missing folder, or another of `toStoreError`
   */
  static async open(folder: string, tools: AuditOptions, options = DURABLE): Promise<FileStore> {
    const lock = options.lock === false ? null : await takeLock(folder)
    try {
      await requireFilePhase(folder)
    } catch (error) {
      await lock?.close()
      throw error
    }
    return FileStore.openLocked(folder, tools, { ...options, held: lock })
  }

  /**
   * As `open`, under a lock that is held already, or under none; releases it if it fails.
   *
   * @throws as `open`, without `store_locked`
   */
  static async openLocked(
    folder: string,
    tools: AuditOptions,
    {
      held: lock,
      ...options
    }: Omit<FileStoreOptions, 'lock'> & { readonly held: FileHandle | null },
  ): Promise<FileStore> {
    const { durable } = options
    try {
      await finishRebuild(folder)
      // First, since a folder without a snapshot is no store.
      const compactAbove = await readCompactionThreshold(folder)
      // Before it reads the log: the writer before acknowledges nothing from now on.
      const term = await claimNextTerm(folder)
      const opened = await replayStore(folder)
      // Before the first segment that an earlier version does not read: it refuses the store from now on.
      if (opened.snapshot.isOld) await compactFolder(folder, { ...opened.snapshot, durable })
      const epoch = Math.max(opened.snapshot.epoch, opened.tail.epoch)
      const log = await LogWriter.start(folder, opened.tail, { term, epoch, durable })
      const names = await readWriteNames(folder, opened.tail.head.seq)
      const all = { ...options, ...opened, log, epoch, tools, compactAbove, names }
      const store = new FileStore(folder, lock, all)
      await store.compactIfLong()
      return store
    } catch (error) {
      await lock?.close()
      throw toStoreError(error, folder)
    }
  }

  /**
   * Queues a change; one write to the disk serves the whole queue. Resolves once it is on the disk (in a scratch
   * store: written) to the new row and audit head, or to the problems of a refused request, of which nothing is
   * written.
   *
   * @throws FfError `backing_unavailable` after `close`, `disk_full`, or another of `toStoreError`; then no write of
   *   the queue is acknowledged
   */
  write = async (request: WriteRequest): Promise<WriteResult> =>
    (await this.perform({ call: 'write', name: makeWriteName(), request })).result as WriteResult

  /**
   * Queues the audit record of a refused write. Resolves to the new audit head, or to the problems of a request that
   * fits no record.
   *
   * @throws FfError as `write`
   */
  async refuse(request: RefusedWrite): Promise<RefusalResult> {
    const { result } = await this.perform({ call: 'refuse', name: makeWriteName(), request })
    return result as RefusalResult
  }

  /**
   * Queues the audit record of an announcement: no other process reads this folder, so there is no feed.
   *
   * @throws FfError as `write`
   */
  async announce(request: Announcement): Promise<AnnouncementResult> {
    const { result } = await this.perform({ call: 'announce', name: makeWriteName(), request })
    return result as AnnouncementResult
  }

  /**
   * Queues an operation; where the log has its name already nothing is written, and the result is the earlier one.
   *
   * @throws FfError `outcome_unknown` as `WriteNames.isNew`; as `write`
   */
  async perform(operation: NamedOperation): Promise<NamedStoreResult> {
    const { call, request, name } = operation
    const isNew = this.names.isNew(name)
    const isLimited = call === 'announce' && request.kind === 'global' && isNew
    if (!isLimited) return this.enqueue(operation)
    let digest = name.request_digest
    const result = await this.globals.run(request.actor, async () => {
      const done = await this.enqueue(operation)
      digest = done.digest
      return done.result as AnnouncementResult
    })
    return { result, digest }
  }

  /**
   * Appends changes of another side as they are, behind the writes that are queued.
   *
   * @returns false where `after` is not the head; then nothing is written
   * @throws FfError `chains_forked` where the changes do not continue each other; as `write`
   */
  append(after: AuditChainHead, changes: readonly CopiedChange[]): Promise<boolean> {
    if (this.closed) return Promise.reject(closedError(this.folder))
    return this.runExclusively(async () => {
      if (after.seq !== this.head.seq || after.hash !== this.head.hash) return false
      requireContinued(this.folder, after, changes)
      await this.appendLines(changes, copyRows(changes, this.snapshot.index))
      return true
    })
  }

  protected get index(): RowIndex {
    return this.snapshot.index
  }

  /** Resolves once every operation that was queued before has ended. */
  settle = (): Promise<void> => this.runExclusively(() => Promise.resolve())

  /** Resolves while no other process has claimed the store. @throws FfError `backing_unavailable` after that */
  requireTerm = (): Promise<void> => this.log.requireTerm()

  /**
   * Checks the file system of the folder: whether this user may write to it, and whether it has space left. If the
   * last compaction failed, starts another one and throws the error of the last.
   *
   * @throws FfError `target_read_only`, `rights_missing`, `disk_full`, `backing_unavailable` after another process has
   *   taken the folder over, `store_corrupt` for a snapshot that was damaged since the start, or another of `toStoreError`
   */
  async requireWritable(): Promise<void> {
    try {
      await access(this.folder, constants.W_OK)
      const { bavail } = await statfs(this.folder)
      if (bavail === 0) throw diskFullError()
      await this.requireTerm()
    } catch (error) {
      throw toStoreError(error, this.folder)
    }
    if (this.compactionError === null) return
    const { error } = this.compactionError
    void this.compactIfLong()
    throw error
  }

  /**
   * Writes a new snapshot of the rows as of its start; writes go on meanwhile. Keeps the segments of the log, because
   * they contain the audit records.
   *
   * @throws FfError `store_corrupt` if the old snapshot was damaged meanwhile, `disk_full`, `backing_unavailable` after
   *   `close`, or another of `toStoreError`; the old snapshot then stays, and no record is lost
   */
  compact(): Promise<void> {
    return this.replaceSnapshot(async () => {
      const { bytes, ...written } = await this.runExclusively(() => this.startSegment())
      this.merge = compactFolder(this.folder, written)
      await this.merge.finally(() => {
        this.merge = null
      })
      this.logBytes -= bytes
      this.compactAbove = await readCompactionThreshold(this.folder)
    })
  }

  /**
   * Replaces all rows by a new snapshot; writes no audit record and leaves the audit head as it is.
   *
   * @throws FfError of `toStoreError`
   */
  load(state: RowsByTable): Promise<void> {
    const load = async (): Promise<void> => {
      const { epoch, head, bytes } = await this.startSegment()
      await writeSnapshot(
        this.folder,
        { index: RowIndex.fromRows(state), epoch, head },
        this.durable,
      )
      // Read back, so that evaluation sees the rows as the file has them.
      this.snapshot = await readSnapshot(this.folder)
      this.logBytes -= bytes
    }
    return this.replaceSnapshot(() => this.runExclusively(load))
  }

  /**
   * Waits for queued writes and a running compaction, then closes the log and releases the lock.
   *
   * @throws FfError of `toStoreError`
   */
  async close(): Promise<void> {
    this.closed = true
    await this.replacement
    return this.runExclusively(async () => {
      await this.log.close()
      await this.lock?.close()
    })
  }

  /**
   * Begins an epoch after the queued writes: later lines name it, and stand in a segment of their own.
   *
   * @throws FfError `option_invalid` unless it is higher than the epoch so far; as `write`
   */
  startEpoch(epoch: number): Promise<void> {
    if (this.closed) return Promise.reject(closedError(this.folder))
    return this.runExclusively(async () => {
      if (epoch <= this.epoch) throw epochError(epoch, this.epoch)
      await this.log.startEpoch(epoch, this.head)
      this.epoch = epoch
    })
  }

  /** Runs `replace` after every earlier replacement of the snapshot. */
  private replaceSnapshot(replace: () => Promise<void>): Promise<void> {
    if (this.closed) return Promise.reject(closedError(this.folder))
    const done = this.replacement.then(replace)
    // The caller gets the failure; the next replacement runs all the same.
    this.replacement = done.catch(() => undefined)
    return done.catch((error: unknown) => {
      throw toStoreError(error, this.folder)
    })
  }

  /** Compacts a log that is too long; keeps the error for `requireWritable`, and rejects with none. */
  private async compactIfLong(): Promise<void> {
    if (this.logBytes <= this.compactAbove || this.compacting || this.closed) return
    this.compacting = true
    try {
      await this.compact()
      this.compactionError = null
    } catch (error) {
      this.compactionError = { error }
    } finally {
      this.compacting = false
    }
  }

  /** Ends the segment, so that a snapshot can include all of it and none of the next one. Returns its place. */
  private async startSegment(): Promise<SnapshotWritten & { readonly bytes: number }> {
    await this.log.rotate(this.head)
    const { epoch, head, durable, logBytes: bytes } = this
    return { epoch, head, counts: countIndexRows(this.snapshot.index), durable, bytes }
  }

  private enqueue(operation: NamedOperation): Promise<NamedStoreResult> {
    // `close` has released the lock: another process may write here now.
    if (this.closed) return Promise.reject(closedError(this.folder))
    return new Promise((resolve, reject) => {
      // Group commit: the first queued write flushes everything queued before its turn with one fsync.
      if (this.queue.push({ operation, resolve, reject }) === 1)
        void this.runExclusively(() => this.commit(this.queue.splice(0)))
    })
  }

  private runExclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work)
    // The caller of this work gets its failure; the next work runs all the same.
    this.turn = done.catch(() => undefined)
    return done.catch((error: unknown) => {
      throw toStoreError(error, this.folder)
    })
  }

  private async commit(batch: readonly QueuedWrite[]): Promise<void> {
    // Writes that outrun the merge wait for it, so that the log stays bounded. Its failure is reported elsewhere.
    if (this.logBytes > this.compactAbove * LONGEST_LOG) await this.merge?.catch(() => undefined)
    const { head, names, chain, tools } = this
    const staged = new StagedBatch(this.snapshot.index, { head, names, chain, tools })
    const done: (() => void)[] = []
    try {
      for (const { operation, resolve } of batch) {
        const named = await staged.add(operation)
        done.push(() => resolve(named))
      }
      await this.appendLines(staged.changes, staged.rows)
    } catch (error) {
      for (const { reject } of batch) reject(toStoreError(error, this.folder))
      return
    }
    for (const resolve of done) resolve()
    void this.compactIfLong()
  }

  /** Appends the lines of changes; readers see their rows only once a power cut cannot undo them. */
  private async appendLines(changes: readonly CopiedChange[], staged: RowIndex): Promise<void> {
    const lines = changes.map((change) => formatLogLine(change, this.epoch))
    const bytes = await this.log.append(lines.join(''), this.head)
    // Only now: a compaction may have ended during the write.
    this.logBytes += bytes
    staged.mergeDown()
    for (const [at, change] of changes.entries()) {
      this.names.addChange(change)
      this.recent.push(change, lines[at]?.length ?? 0)
    }
    this.head = toChainHead(changes.at(-1)?.record ?? this.head)
    this.committed(this.head)
  }
}

interface OpenedStore extends OpenedFolder, FileStoreOptions {
  readonly log: LogWriter
  readonly names: WriteNames
  readonly epoch: number
  readonly tools: AuditOptions
  readonly compactAbove: number
}

/**
 * Creates the folder (mode 0700) if missing, and writes a snapshot without rows, epoch 0 and the head of an empty
 * audit chain into it, over an existing one. Takes no lock.
 * @throws the system's error
 */
export async function createStore(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeSnapshot(folder, { index: new RowIndex(), epoch: 0, head: EMPTY_HEAD })
}
