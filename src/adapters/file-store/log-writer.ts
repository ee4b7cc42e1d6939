import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { FfError } from '../../errors.ts'
import { syncFolder } from '../../files/replace-file.ts'
import { identifyFolder } from './folder-identity.ts'
import type { LogTail } from './log.ts'
import { claimTerm, formatSegmentName, isNewestTerm, requireHighestTerm } from './segments.ts'
import { takenOverError } from './store-error.ts'

/**
 * Makes, without throwing it, the error of a full disk (`code` ENOSPC) for where the system has not reported it yet:
 * it does so only after a short write. `toStoreError` maps it to `disk_full`.
 */
export const diskFullError = (): Error =>
  Object.assign(new Error('no space is left'), { code: 'ENOSPC', syscall: 'write' })

const goneError = (what: string): Error =>
  Object.assign(new Error(`the ${what} is gone`), { code: 'ENOENT', syscall: 'stat' })

interface OpenSegment {
  readonly path: string
  readonly file: FileHandle
  /** `device/inode` of the file. */
  readonly identity: string
  size: number
}
interface WriterOptions {
  /** A term that this writer has claimed. */
  readonly term: number
  readonly epoch: number
  /** Whether each write waits for the disk. */
  readonly durable: boolean
}

/**
 * Appends batches of lines to a segment of its own; with `durable`, each batch is on the disk before `append` resolves.
 * It changes no byte that was written, and no file of another writer: once a later term is claimed it acknowledges
 * nothing, and what it writes all the same is behind the record that the next segment follows.
 */
export class LogWriter {
  private readonly folder: string
  private readonly identity: string
  private readonly durable: boolean
  private epoch: number
  /** The term of the newest segment. */
  term: number
  private segment: OpenSegment | null = null
  /** Whether a segment was found to come too late. */
  private replaced = false
  /** Resolves when no claim of this writer is under way. */
  private claiming: Promise<unknown> = Promise.resolve()

  private constructor(folder: string, identity: string, { term, epoch, durable }: WriterOptions) {
    this.folder = folder
    this.identity = identity
    this.durable = durable
    this.epoch = epoch
    this.term = term
  }

  /**
   * Takes over every line of the log, also those that were never acknowledged: syncs the newest segment, and begins one
   * that follows its last whole line.
   *
   * @throws FfError `backing_unavailable` after another process has claimed a later term; the system's error
   */
  static async start(folder: string, tail: LogTail, options: WriterOptions): Promise<LogWriter> {
    const writer = new LogWriter(folder, await identifyFolder(folder), options)
    if (options.durable && tail.segment !== null) await syncSegment(join(folder, tail.segment))
    await writer.makeSegment(tail.head)
    return writer
  }

  /**
   * Appends lines behind the last acknowledged one. If that fails and leaves some of their bytes, the segment is left as
   * it is, and another one that follows `head` is begun, now or by the next call. Without a line it writes nothing: what
   * was concluded from the rows, such as that a change is made already, counts only while no later term is claimed.
   *
   * @param head the last acknowledged record
   * @returns length of the lines in bytes
   * @throws the system's error (`ENOSPC` for a short write, `ENOENT` for a segment or folder that is gone); FfError
   *   `backing_unavailable` after another process has claimed a later term
   */
  async append(text: string, head: AuditChainHead): Promise<number> {
    if (text === '') {
      if (this.durable) await this.requireTerm()
      return 0
    }
    const segment = this.segment ?? (await this.begin(head))
    const bytes = Buffer.from(text, 'utf8')
    try {
      const { bytesWritten } = await segment.file.write(bytes, 0, bytes.length)
      if (bytesWritten < bytes.length) throw diskFullError()
      if (this.durable)
        await Promise.all([segment.file.datasync(), this.requirePlace(segment), this.requireTerm()])
    } catch (error) {
      const isChanged = await segment.file.stat().then(
        ({ size }) => size > segment.size,
        () => true,
      )
      // The error of the write is the one to report; where no segment can be made now, the next call tries again.
      if (isChanged) await this.begin(head).catch(() => undefined)
      throw error
    }
    segment.size += bytes.length
    return bytes.length
  }

  /**
   * Ends the segment with `head`, its last acknowledged line, unless it is empty, and begins the next one.
   *
   * @throws as `append`; the next `append` then begins it
   */
  async rotate(head: AuditChainHead): Promise<void> {
    if (this.segment?.size !== 0) await this.begin(head)
  }

  /** Begins a segment of a new epoch. @throws as `rotate` */
  async startEpoch(epoch: number, head: AuditChainHead): Promise<void> {
    const before = this.epoch
    this.epoch = epoch
    try {
      await this.begin(head)
    } catch (error) {
      this.epoch = before
      throw error
    }
  }

  /**
   * Resolves while no later term is claimed. Called after a write, it proves that the successor reads what was written:
   * a successor claims its term before it reads.
   *
   * @throws FfError `backing_unavailable` after another process has claimed a later term; the system's error
   */
  async requireTerm(): Promise<void> {
    const { term } = this
    if (!this.replaced && (await isNewestTerm(this.folder, term))) return
    // The next claim may be one of this writer.
    await this.claiming
    if (this.replaced || this.term === term) throw takenOverError(this.folder)
    return this.requireTerm()
  }

  /** Closes the segment. @throws the system's error */
  async close(): Promise<void> {
    const { segment } = this
    this.segment = null
    await segment?.file.close()
  }

  private async begin(head: AuditChainHead): Promise<OpenSegment> {
    await this.close()
    // A copy of the folder in its place has another writer, or none.
    if ((await identifyFolder(this.folder)) !== this.identity) throw goneError('folder')
    const claim = claimTerm(this.folder, this.term + 1).then(() => {
      this.term += 1
    })
    this.claiming = claim.catch(() => undefined) // Thrown below.
    await claim
    return this.makeSegment(head)
  }

  private async makeSegment(head: AuditChainHead): Promise<OpenSegment> {
    const path = join(this.folder, formatSegmentName(this.term, this.epoch, head))
    const file = await open(path, 'ax', 0o600)
    try {
      await this.requireHighestTerm()
      const { dev, ino } = await file.stat()
      if (this.durable) await syncFolder(this.folder)
      this.segment = { path, file, identity: `${dev}/${ino}`, size: 0 }
      return this.segment
    } catch (error) {
      await file.close()
      await rm(path, { force: true }).catch(() => undefined) // The first error is the one to report.
      throw error
    }
  }

  /**
   * A successor that read the log before this segment was there may follow a later record than it: then this one must go.
   *
   * @throws FfError `backing_unavailable` after another process has claimed a later term; the system's error
   */
  private async requireHighestTerm(): Promise<void> {
    try {
      await requireHighestTerm(this.folder, this.term)
    } catch (error) {
      if (error instanceof FfError) this.replaced = true
      throw error
    }
  }

  /**
   * A segment that was deleted or moved while it is open still takes lines, which no start would find.
   *
   * @throws the system's error, `ENOENT` also where another file is in its place
   */
  private async requirePlace({ path, identity }: OpenSegment): Promise<void> {
    if ((await identifyFolder(path)) !== identity) throw goneError('segment')
  }
}

/** Waits until the lines of a segment are on the disk. @throws the system's error */
export async function syncSegment(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}
