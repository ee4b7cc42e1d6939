import { type FileHandle, mkdir, stat } from 'node:fs/promises'
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
import { LogWriter, replayLog, type LogTail } from './log.ts'
import { RowIndex } from './row-index.ts'
import { readSnapshot, parseStoredRow, SNAPSHOT, type Snapshot, writeSnapshot } from './snapshot.ts'
import { type StagedState, type StagedResult, stageRefusal, stageWrite } from './stage.ts'
import { toStoreError } from './store-error.ts'

/** An opening compacts a log that is longer than this and than the snapshot it follows. */
const COMPACT_ABOVE_BYTES = 4_194_304

type Result = WriteResult | RefusalResult
/** A store of the harness's own need not outlive a power cut: nobody keeps its rows. */
export interface FileStoreOptions {
  readonly durable: boolean
}
const DURABLE: FileStoreOptions = { durable: true }

interface QueuedWrite {
  readonly put: (stage: StagedState) => StagedResult<Result>
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** Flags and overrides in a folder: a snapshot and an append-only log (page 9, file store). One writer. */
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
   * Opens a store for the one writer it can have.
   *
   * @throws FfError `store_locked`, `store_corrupt`, or what the system said of the folder
   */
  static async open(
    folder: string,
    tools: AuditOptions,
    { durable } = DURABLE,
  ): Promise<FileStore> {
    const lock = await takeLock(folder)
    try {
      let opened = await replayStore(folder)
      if (opened.tail.size > Math.max(COMPACT_ABOVE_BYTES, await snapshotBytes(folder))) {
        await writeSnapshot(folder, { ...opened.snapshot, head: opened.tail.head })
        opened = await replayStore(folder)
      }
      return new FileStore(folder, lock, { ...opened, tools, durable })
    } catch (error) {
      await lock.close()
      throw toStoreError(error, folder)
    }
  }

  read(query: RowQuery): Promise<RowsOfFlag> {
    return Promise.resolve(this.snapshot.index.read(query))
  }

  readMany({ flag_keys, ...ids }: BulkQuery): Promise<readonly RowsOfFlag[]> {
    const { index } = this.snapshot
    return Promise.resolve(flag_keys.map((flag_key) => index.read({ flag_key, ...ids })))
  }

  page({ after, limit }: Parameters<ServiceStore['page']>[0]): Promise<readonly FlagEntry[]> {
    return Promise.resolve(this.snapshot.index.page(after, limit))
  }

  write(request: WriteRequest): Promise<WriteResult> {
    return this.inLine((stage) => stageWrite(request, stage))
  }

  refuse(refused: RefusedWrite): Promise<RefusalResult> {
    return this.inLine((stage) => stageRefusal(refused, stage))
  }

  auditHead(): Promise<AuditChainHead> {
    return Promise.resolve(this.head)
  }

  /** Writes a new snapshot; the log's segments are kept, for they hold the audit records. */
  compact(): Promise<void> {
    return this.exclusively(() => this.replaceSnapshot(this.snapshot.index))
  }

  load(state: RowsByTable): Promise<void> {
    return this.exclusively(async () => {
      await this.replaceSnapshot(RowIndex.of(state))
      // Read back from the bytes: what is evaluated has been through the file.
      this.snapshot = await readSnapshot(this.folder)
    })
  }

  close(): Promise<void> {
    this.closed = true
    return this.exclusively(async () => {
      await this.log.close()
      await this.lock.close()
    })
  }

  private async replaceSnapshot(index: RowIndex): Promise<void> {
    const { epoch } = this.snapshot
    await writeSnapshot(this.folder, { index, epoch, head: this.head }, this.durable)
    await this.log.rotate()
  }

  private inLine<T extends Result>(put: (stage: StagedState) => StagedResult<T>): Promise<T> {
    // The lock is gone with the handle: somebody else may be writing here by now.
    if (this.closed) return Promise.reject(closedError(this.folder))
    return new Promise((resolve, reject) => {
      // Whoever queues first takes along all that queue up until its turn: one fsync for the batch.
      const queued = { put, resolve: resolve as QueuedWrite['resolve'], reject }
      if (this.queue.push(queued) === 1) {
        void this.exclusively(() => this.commit(this.queue.splice(0)))
      }
    })
  }

  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work)
    // A failure belongs to whoever asked for the work; the next in line goes on.
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
    // Only now can anybody read it: nothing is shown that a power cut could take back.
    staged.mergeDown()
    this.head = head
    for (const { queued, result } of done) queued.resolve(result)
  }
}

const closedError = (folder: string): FfError =>
  new FfError('backing_unavailable', `The file store ${folder} was closed.`, {
    hint: 'Open it again.',
  })

interface OpenedFolder {
  readonly snapshot: Snapshot
  readonly tail: LogTail
}

const snapshotBytes = async (folder: string): Promise<number> =>
  (await stat(join(folder, SNAPSHOT))).size

/** What a folder holds: its snapshot with the log laid over it, and where the log ends. @throws Damage, LineTooLong */
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

export async function takeLock(folder: string): Promise<FileHandle> {
  try {
    const lock = await tryLock(join(folder, '.lock'))
    if (lock !== null) return lock
  } catch (error) {
    throw toStoreError(error, folder)
  }
  throw new FfError('store_locked', `Another process is writing to the file store ${folder}.`, {
    hint: 'Stop that process, or name another folder.',
  })
}

/** Makes an empty store in an empty folder. */
export async function createStore(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeSnapshot(folder, { index: new RowIndex(), epoch: 0, head: EMPTY_HEAD })
}
