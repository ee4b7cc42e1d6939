import { randomUUID } from 'node:crypto'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { replaceFile } from '../../files/replace-file.ts'
import { DeliveryMarks, formatMark, formatMarksHeader, type Mark, MARKS } from './delivery-marks.ts'
import { diskFullError } from './log-writer.ts'
import { MarksReader } from './marks-reader.ts'

/** The least length in bytes at which the file is rewritten as the fewest marks that say the same. */
const REWRITE_ABOVE_BYTES = 4_194_304

/** Writes the marks of a store's folder. The caller holds the lock of the marks. */
export class MarksWriter {
  readonly marks: DeliveryMarks
  private readonly folder: string
  private file: FileHandle | null = null
  private size: number
  private rewriteAbove = REWRITE_ABOVE_BYTES
  /** Whether a failed write may have left bytes behind the last mark. */
  private torn = true

  private constructor(folder: string, marks: DeliveryMarks, size: number) {
    this.folder = folder
    this.marks = marks
    this.size = size
  }

  /**
   * Reads the marks, and leaves out those of records that the log does not hold, as after a store was restored: they are
   * delivered again.
   *
   * @param holds whether the log holds a record; then it holds every earlier one
   * @throws StoreDamage; LineTooLong; the system's error
   */
  static async open(
    folder: string,
    holds: (head: AuditChainHead) => Promise<boolean>,
  ): Promise<MarksWriter> {
    const found = await new MarksReader(folder).readFile()
    const marks = found?.marks ?? new DeliveryMarks()
    const writer = new MarksWriter(folder, marks, found?.end ?? 0)
    const foreign = marks.head !== null && !(await holds(marks.head))
    if (foreign) {
      const heads = [...(found?.heads ?? [])].sort((one, other) => one.seq - other.seq)
      const kept = heads[(await countHeld(heads, holds)) - 1]
      marks.keepUpTo(kept ?? null)
    }
    if (found === null || foreign) await writer.rewrite()
    return writer
  }

  /**
   * Adds a mark behind the last one; it is on the disk when this resolves.
   *
   * @throws the system's error (`ENOSPC` for a short write); then nothing is marked
   */
  async append(mark: Mark): Promise<void> {
    const bytes = Buffer.from(formatMark(mark), 'utf8')
    const file = (this.file ??= await open(join(this.folder, MARKS), 'r+'))
    if (this.torn) await this.cut(file)
    try {
      const { bytesWritten } = await file.write(bytes, 0, bytes.length, this.size)
      if (bytesWritten < bytes.length) throw diskFullError()
      await file.datasync()
    } catch (error) {
      this.torn = true
      throw error
    }
    this.size += bytes.length
    this.marks.apply(mark)
    if (this.size > this.rewriteAbove) await this.tryRewrite()
  }

  /** @throws the system's error */
  async close(): Promise<void> {
    const { file } = this
    this.file = null
    await file?.close()
  }

  private async cut(file: FileHandle): Promise<void> {
    await file.truncate(this.size)
    this.torn = false
  }

  /** The mark before is on the disk: where no shorter file can be made, a later mark tries again. */
  private async tryRewrite(): Promise<void> {
    try {
      await this.rewrite()
    } catch {
      // The old file, or the new one where only the sync of the folder failed.
      await this.close()
      this.size = (await stat(join(this.folder, MARKS))).size
      this.rewriteAbove = this.size + REWRITE_ABOVE_BYTES
    }
  }

  /** Replaces the file by one with the fewest marks; either of the two outlives a power cut. */
  private async rewrite(): Promise<void> {
    const lines = [formatMarksHeader(randomUUID()), ...[...this.marks.list()].map(formatMark)]
    const content = lines.join('')
    await replaceFile(join(this.folder, MARKS), content, {
      temporary: `.${MARKS}.new`,
      mode: 0o600,
    })
    await this.close()
    this.size = Buffer.byteLength(content)
    this.rewriteAbove = Math.max(REWRITE_ABOVE_BYTES, 2 * this.size)
  }
}

/** How many of the heads, from the first on, the log holds. */
async function countHeld(
  heads: readonly AuditChainHead[],
  holds: (head: AuditChainHead) => Promise<boolean>,
): Promise<number> {
  let [low, high] = [0, heads.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (await holds(heads[middle] as AuditChainHead)) low = middle + 1
    else high = middle
  }
  return low
}
