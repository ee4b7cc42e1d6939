import { constants } from 'node:fs'
import { access, type FileHandle, mkdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditChainHead, EMPTY_HEAD } from '../../core/audit/record.ts'
import type { WriteRequest } from '../../core/rows/write-request.ts'
import type { RowsOfFlag, RowsByTable } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type {
  AuditOptions,
  BulkQuery,
  FlagEntry,
  RefusalResult,
  RefusedWrite,
  RowQuery,
  ScratchStore,
  ServiceStore,
  WriteResult,
} from '../../ports/store.ts'
import { tryLock } from '../file-lock/file-lock.ts'
import { diskFullError, LogWriter, replayLog, type LogTail } from './log.ts'
import { RowIndex } from './row-index.ts'
import { readSnapshot, parseStoredRow, SNAPSHOT, type Snapshot, writeSnapshot } from './snapshot.ts'
import { type StagedState, type StagedResult, stageRefusal, stageWrite } from './stage.ts'
import { toStoreError } from './store-error.ts'

/** `open` compacts a log that is longer than this and than the snapshot. */
const COMPACT_ABOVE_BYTES = 4_194_304

type Result = WriteResult | RefusalResult
export interface FileStoreOptions {
  /** Whether each write waits for the disk. False for a scratch store, which need not survive a power cut. */
  readonly durable: boolean
}
const DURABLE: FileStoreOptions = { durable: true }

interface QueuedWrite {
  readonly put: (stage: StagedState) => StagedResult<Result>
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** Flags and overrides in a folder: a snapshot and an append-only log (docs/reference/file-store.md). One writer. */
export class FileStore implements ScratchStore, ServiceStore {
  readonly kind = 'file'
  private readonly folder: string
  private readonly lock: FileHandle
  private readonly tools: AuditOptions
  private readonly durable: boolean
  private snapshot: Snapshot
  private log: LogWriter
  private head: AuditChainHead
  private queue: QueuedWrite[] = []
  private closed = false
  private turn: Promise<unknown> = Promise.resolve()

  private constructor(
    folder: string,
    lock: FileHandle,
    opened: OpenedFolder & FileStoreOptions & { readonly tools: AuditOptions },
  ) {
    this.folder = folder
    this.durable = opened.durable
    this.lock = lock
    this.tools = opened.tools
    this.snapshot = opened.snapshot
    this.head = opened.tail.head
    this.log = new LogWriter(folder, opened.tail, opened.durable)
  }

  /**
   * Locks the folder, replays the log, and compacts it if it is longer than 4 MiB and than the snapshot. Holds the
   * lock until `close`.
   *
   * @throws FfError `store_locked` while another process has it open, `store_corrupt` for damage, `target_unreachable`
   *   for a missing folder, or another of `toStoreError`
   */
  static async open(
    folder: string,
    tools: AuditOptions,
    { durable } = DURABLE,
  ): Promise<FileStore> {
    const lock = await takeLock(folder)
    try {
      let opened = await replayStore(folder)
      if (opened.tail.size > Math.max(COMPACT_ABOVE_BYTES, await readSnapshotSize(folder))) {
        await writeSnapshot(folder, { ...opened.snapshot, head: opened.tail.head })
        opened = await replayStore(folder)
      }
      return new FileStore(folder, lock, { ...opened, tools, durable })
    } catch (error) {
      await lock.close()
      throw toStoreError(error, folder)
    }
  }

  /**
   * The acknowledged rows of one flag, from memory: null for a missing row or an id of null, `broken` for an invalid
   * one.
   */
  read(query: RowQuery): Promise<RowsOfFlag> {
    return Promise.resolve(this.snapshot.index.read(query))
  }

  /** As `read`, for several flags in the order of `flag_keys`. */
  readMany({ flag_keys, ...ids }: BulkQuery): Promise<readonly RowsOfFlag[]> {
    const { index } = this.snapshot
    return Promise.resolve(flag_keys.map((flag_key) => index.read({ flag_key, ...ids })))
  }

  /**
   * Lists at most `limit` flags with a key after `after` (null: from the first), in byte order; invalid rows included.
   */
  page({ after, limit }: Parameters<ServiceStore['page']>[0]): Promise<readonly FlagEntry[]> {
    return Promise.resolve(this.snapshot.index.page(after, limit))
  }

  /**
   * Queues a change; one write to the disk serves the whole queue. Resolves once it is on the disk (in a scratch
   * store: written) to the new row and audit head, or to the problems of a refused request, of which nothing is
   * written.
   *
   * @throws FfError `backing_unavailable` after `close`, `disk_full`, or another of `toStoreError`; then no write of
   *   the queue is acknowledged
   */
  write(request: WriteRequest): Promise<WriteResult> {
    return this.enqueue((stage) => stageWrite(request, stage))
  }

  /**
   * Queues the audit record of a refused write. Resolves to the new audit head, or to the problems of a request that
   * fits no record.
   *
   * @throws FfError as `write`
   */
  refuse(refused: RefusedWrite): Promise<RefusalResult> {
    return this.enqueue((stage) => stageRefusal(refused, stage))
  }

  /**
   * Checks the file system of the folder: whether this user may write to it, and whether it has space left.
   *
   * @throws FfError `target_read_only`, `rights_missing`, `disk_full`, or another of `toStoreError`
   */
  async requireWritable(): Promise<void> {
    try {
      await access(this.folder, constants.W_OK)
      const { bavail } = await statfs(this.folder)
      if (bavail === 0) throw diskFullError()
    } catch (error) {
      throw toStoreError(error, this.folder)
    }
  }

  /** The number and hash of the last acknowledged audit record. */
  auditHead(): Promise<AuditChainHead> {
    return Promise.resolve(this.head)
  }

  /**
   * Writes a new snapshot. Keeps the segments of the log, because they contain the audit records.
   *
   * @throws FfError `store_corrupt` if a row breaks its schema, `disk_full`, or another of `toStoreError`
   */
  compact(): Promise<void> {
    return this.runExclusively(() => this.replaceSnapshot(this.snapshot.index))
  }

  /**
   * Replaces all rows by a new snapshot; writes no audit record and leaves the audit head as it is.
   *
   * @throws FfError of `toStoreError`
   */
  load(state: RowsByTable): Promise<void> {
    return this.runExclusively(async () => {
      await this.replaceSnapshot(RowIndex.fromRows(state))
      // Read back, so that evaluation sees the rows as the file has them.
      this.snapshot = await readSnapshot(this.folder)
    })
  }

  /** Waits for queued writes, then closes the log and releases the lock. @throws FfError of `toStoreError` */
  close(): Promise<void> {
    this.closed = true
    return this.runExclusively(async () => {
      await this.log.close()
      await this.lock.close()
    })
  }

  private async replaceSnapshot(index: RowIndex): Promise<void> {
    const { epoch } = this.snapshot
    await writeSnapshot(this.folder, { index, epoch, head: this.head }, this.durable)
    await this.log.rotate()
  }

  private enqueue<T extends Result>(put: (stage: StagedState) => StagedResult<T>): Promise<T> {
    // `close` has released the lock: another process may write here now.
    if (this.closed) return Promise.reject(closedError(this.folder))
    return new Promise((resolve, reject) => {
      // Group commit: the first queued write flushes everything queued before its turn with one fsync.
      const queued = { put, resolve: resolve as QueuedWrite['resolve'], reject }
      if (this.queue.push(queued) === 1) {
        void this.runExclusively(() => this.commit(this.queue.splice(0)))
      }
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
    const staged = new RowIndex(this.snapshot.index)
    const done: { readonly queued: QueuedWrite; readonly result: Result }[] = []
    const lines: string[] = []
    const { tools } = this
    const { epoch } = this.snapshot
    let { head } = this
    try {
      for (const queued of batch) {
        const { result, line } = queued.put({ staged, head, epoch, tools })
        if (result.ok) head = result.head
        lines.push(line)
        done.push({ queued, result })
      }
      const text = lines.join('')
      if (text !== '') await this.log.append(text, this.head.seq + 1)
    } catch (error) {
      for (const { reject } of batch) reject(toStoreError(error, this.folder))
      return
    }
    // Readers see the rows only now, when a power cut cannot undo them.
    staged.mergeDown()
    this.head = head
    for (const { queued, result } of done) queued.resolve(result)
  }
}

const closedError = (folder: string): FfError =>
  new FfError('backing_unavailable', `Cannot write to the file store ${folder}: it is closed.`, {
    hint: 'Start the command again.',
  })

interface OpenedFolder {
  readonly snapshot: Snapshot
  readonly tail: LogTail
}

const readSnapshotSize = async (folder: string): Promise<number> =>
  (await stat(join(folder, SNAPSHOT))).size

/**
 * Reads a folder without a lock: the rows of its snapshot with the changes of the log applied, and the end of the log.
 * A torn last line of the log is left out, as its write was never acknowledged; a row that breaks its schema is kept as
 * `broken`. The head of the snapshot stays that of its file: the present one is that of the log's end.
 *
 * @throws StoreDamage or LineTooLong for damage; the system's error for a file
 */
export async function replayStore(folder: string): Promise<OpenedFolder> {
  const snapshot = await readSnapshot(folder)
  let tail: LogTail = { head: snapshot.head, segment: null, size: 0 }
  for await (const { changes, tail: after } of replayLog(folder, snapshot.head)) {
    for (const change of changes) {
      const { table, key, held } = parseStoredRow(change)
      snapshot.index.set(table, key, held)
    }
    tail = after
  }
  return { snapshot, tail }
}

/**
 * Locks a store's folder for writing through its file `.lock`; closing the returned handle unlocks it. Does not wait.
 *
 * @throws FfError `store_locked` if it is locked, `target_unreachable` for a missing folder, or another of
 *   `toStoreError`
 */
export async function takeLock(folder: string): Promise<FileHandle> {
  try {
    const lock = await tryLock(join(folder, '.lock'))
    if (lock !== null) return lock
  } catch (error) {
    throw toStoreError(error, folder)
  }
  throw new FfError(
    'store_locked',
    `Cannot lock the file store ${folder}: another process has it open.`,
    {
      hint: `Find that process with \`fuser -v '${join(folder, '.lock')}'\` and stop it, or name another folder.`,
    },
  )
}

/**
 * Creates the folder (mode 0700) if missing, and writes an empty snapshot into it, over an existing one. Takes no
 * lock.
 *
 * @throws the system's error
 */
export async function createStore(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeSnapshot(folder, { index: new RowIndex(), epoch: 0, head: EMPTY_HEAD })
}
