import type { AuditChainHead } from '../../core/audit/record.ts'
import { replayStore } from './replay-store.ts'
import { continueLog, type LogTail, type ReplayedLine } from './log.ts'
import type { RowIndex } from './row-index.ts'
import { parseStoredRow, StoreDamage } from './snapshot.ts'
import { StoreReader } from './store-reader.ts'

/** The rows of a file store that another process writes, moved along its log up to what that process has announced. */
export class LogFollower extends StoreReader {
  protected readonly index: RowIndex
  private tail: LogTail

  private constructor(folder: string, index: RowIndex, tail: LogTail) {
    super(folder)
    this.index = index
    this.tail = tail
  }

  /**
   * Reads a folder into memory without a lock, up to an announced record.
   *
   * @throws StoreDamage or LineTooLong for damage; the system's error
   */
  static async open(folder: string, to: AuditChainHead): Promise<LogFollower> {
    const { snapshot, tail } = await replayStore(folder, to.seq)
    const follower = new LogFollower(folder, snapshot.index, tail)
    await follower.advance(to)
    return follower
  }

  protected get head(): AuditChainHead {
    return this.tail.head
  }

  /** The number of the last record that is applied. */
  get lastSeq(): number {
    return this.tail.head.seq
  }

  /**
   * Applies the lines up to an announced record; those behind it may never have happened. Does nothing where the rows
   * are as new already. Calls must not overlap.
   *
   * @throws StoreDamage if the log does not hold that record, or LineTooLong; the system's error
   */
  async advance(to: AuditChainHead): Promise<void> {
    if (this.tail.head.seq < to.seq) {
      for await (const line of continueLog(this.folder, this.tail)) {
        if (line.tail.head.seq > to.seq) break
        this.apply(line)
        if (line.tail.head.seq === to.seq) break
      }
    }
    const { seq, hash } = this.tail.head
    if (seq < to.seq || (seq === to.seq && hash !== to.hash))
      throw new StoreDamage(`the log has no record ${to.seq} as its writer says`)
  }

  private apply({ changes, tail }: ReplayedLine): void {
    for (const { table, key, held } of changes.map(parseStoredRow)) this.index.set(table, key, held)
    this.tail = tail
  }
}
