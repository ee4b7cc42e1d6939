import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditHead, EMPTY_HEAD } from '../../core/audit/record.ts'
import { planWrite, type Standing } from '../../core/state/plan-write.ts'
import type { WriteRequest } from '../../core/state/write-request.ts'
import type { RowSet, State } from '../../core/state/rows.ts'
import { FfError } from '../../errors.ts'
import type { AuditTools, RowQuery, ScratchStore, WriteResult } from '../../ports.ts'
import { sealChange } from '../seal-audit.ts'
import { tryLock } from '../../locks/file-lock.ts'
import { logLine, LogWriter, replayLog, type Tail } from './log.ts'
import { RowIndex } from './row-index.ts'
import { readSnapshot, rowOf, SNAPSHOT, type Snapshot, writeSnapshot } from './snapshot.ts'
import { storeError } from './store-error.ts'

/** An opening compacts a log that is longer than this and than the snapshot it follows. */
const COMPACT_ABOVE_BYTES = 4_194_304

interface Queued {
  readonly request: WriteRequest
  readonly resolve: (result: WriteResult) => void
  readonly reject: (error: unknown) => void
}

/** Flags and overrides in a folder: a snapshot and an append-only log (page 9, file store). One writer. */
export class FileStore implements ScratchStore {
  readonly kind = 'file'
  private readonly folder: string
  private readonly lock: FileHandle
  private readonly tools: AuditTools
  private snapshot: Snapshot
  private log: LogWriter
  private head: AuditHead
  private queue: Queued[] = []
  private closed = false
  private turn: Promise<unknown> = Promise.resolve()

  private constructor(folder: string, lock: FileHandle, opened: Opened & { tools: AuditTools }) {
    this.folder = folder
    this.lock = lock
    this.tools = opened.tools
    this.snapshot = opened.snapshot
    this.head = opened.tail.head
    this.log = new LogWriter(folder, opened.tail)
  }

  /**
   * Opens a store for the one writer it can have.
   *
   * @throws FfError `store_locked`, `store_corrupt`, or what the system said of the folder
   */
  static async open(folder: string, tools: AuditTools): Promise<FileStore> {
    const lock = await takeLock(folder)
    try {
      let opened = await replayStore(folder)
      if (opened.tail.size > Math.max(COMPACT_ABOVE_BYTES, await snapshotBytes(folder))) {
        await writeSnapshot(folder, { ...opened.snapshot, head: opened.tail.head })
        opened = await replayStore(folder)
      }
      return new FileStore(folder, lock, { ...opened, tools })
    } catch (error) {
      await lock.close()
      throw storeError(error, folder)
    }
  }

  read(query: RowQuery): Promise<RowSet> {
    return Promise.resolve(this.snapshot.index.read(query))
  }

  write(request: WriteRequest): Promise<WriteResult> {
    // The lock is gone with the handle: somebody else may be writing here by now.
    if (this.closed) return Promise.reject(closedError(this.folder))
    return new Promise((resolve, reject) => {
      // Whoever queues first takes along all that queue up until its turn: one fsync for the batch.
      if (this.queue.push({ request, resolve, reject }) === 1) {
        void this.exclusively(() => this.commit(this.queue.splice(0)))
      }
    })
  }

  auditHead(): Promise<AuditHead> {
    return Promise.resolve(this.head)
  }

  /** Writes a new snapshot; the log's segments are kept, for they hold the audit records. */
  compact(): Promise<void> {
    return this.exclusively(() => this.replaceSnapshot(this.snapshot.index))
  }

  load(state: State): Promise<void> {
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
    await writeSnapshot(this.folder, { index, epoch: this.snapshot.epoch, head: this.head })
    await this.log.rotate()
  }

  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work)
    // A failure belongs to whoever asked for the work; the next in line goes on.
    this.turn = done.catch(() => undefined)
    return done.catch((error: unknown) => {
      throw storeError(error, this.folder)
    })
  }

  private async commit(batch: readonly Queued[]): Promise<void> {
    const staged = new RowIndex(this.snapshot.index)
    const done: { readonly queued: Queued; readonly result: WriteResult }[] = []
    const lines: string[] = []
    let { head } = this
    try {
      for (const queued of batch) {
        const { result, line } = this.plan(queued.request, staged, head)
        if (result.ok) head = result.head
        lines.push(line)
        done.push({ queued, result })
      }
      const text = lines.join('')
      if (text !== '') await this.log.append(text, this.head.seq + 1)
    } catch (error) {
      for (const { reject } of batch) reject(storeError(error, this.folder))
      return
    }
    // Only now can anybody read it: nothing is shown that a power cut could take back.
    staged.mergeDown()
    this.head = head
    for (const { queued, result } of done) queued.resolve(result)
  }

  /** One change put on the staged rows, and its line; no line for what is refused. */
  private plan(
    request: WriteRequest,
    staged: RowIndex,
    head: AuditHead,
  ): { result: WriteResult; line: string } {
    const { table, key } = request
    const flag = staged.get('flag_registry', { scope_id: null, flag_key: key.flag_key })
    const standing = {
      flag: flag as Standing['flag'],
      row: staged.get(table, key),
      has_overrides: staged.overridesOf(key.flag_key) > 0,
    }
    const plan = planWrite(request, standing)
    if (!plan.ok) return { result: plan, line: '' }
    const { change } = plan
    const record = sealChange(this.tools, { request, change, standing }, head)
    staged.set(table, key, { row: change.after })
    const entry = {
      epoch: this.snapshot.epoch,
      op_id: randomUUID(),
      changes: [{ table, row: change.after }],
      record,
    }
    const after = { seq: record.seq, hash: record.hash }
    return { result: { ok: true, row: change.after, head: after }, line: logLine(entry) }
  }
}

const closedError = (folder: string): FfError =>
  new FfError('backing_unavailable', `The file store ${folder} was closed.`, {
    hint: 'Open it again.',
  })

interface Opened {
  readonly snapshot: Snapshot
  readonly tail: Tail
}

const snapshotBytes = async (folder: string): Promise<number> =>
  (await stat(join(folder, SNAPSHOT))).size

/** What a folder holds: its snapshot with the log laid over it, and where the log ends. @throws Damage, LineTooLong */
export async function replayStore(folder: string): Promise<Opened> {
  const snapshot = await readSnapshot(folder)
  let tail: Tail = { head: snapshot.head, segment: null, size: 0 }
  for await (const { changes, tail: after } of replayLog(folder, snapshot.head)) {
    for (const change of changes) {
      const { table, key, held } = rowOf(change)
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
    throw storeError(error, folder)
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
