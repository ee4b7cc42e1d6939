import { type AuditChainHead, type AuditRecord, EMPTY_HEAD } from './record.ts'

/** The prefix of the target of the record that marks a whole import. */
const IMPORT = 'import/'

/**
 * Follows the history of a trail over its boundaries: where one store took over from another, by an import or a change
 * of the phase. Reads nothing itself, and verifies no hash: `ChainWalk` does.
 */
export class HistoryWalk {
  private last: (AuditChainHead & { readonly phase: string }) | null = null
  private beforeNext = false
  private missing = 0
  private crossed = 0
  private firstGap: number | null = null

  /**
   * Records that are missing between two that are there, or before the head, and places where a record does not follow the
   * one before.
   */
  get gaps(): number {
    return this.missing
  }
  /** Number of the record that the first gap stands before, as it would be without the gap; null without one. */
  get gapAt(): number | null {
    return this.firstGap
  }
  /** Boundaries with a record on each side. */
  get boundaries(): number {
    return this.crossed
  }

  /** Takes the next record in stored order; null for an entry that is no valid record, which is a gap. */
  take(record: AuditRecord | null): void {
    const { seq, hash } = this.last ?? EMPTY_HEAD
    if (record === null) return this.addGap(seq + 1, 1)
    if (record.seq !== seq + 1 || record.prev_hash !== hash)
      this.addGap(seq + 1, Math.max(1, record.seq - seq - 1))
    const changesPhase = this.last !== null && this.last.phase !== record.phase
    if (this.beforeNext || changesPhase) this.crossed += 1
    this.beforeNext = this.last !== null && record.target.startsWith(IMPORT)
    this.last = record
  }

  /** Takes the head that the store keeps, after the last record: what is missing before it is a gap. */
  end(head: AuditChainHead): void {
    const { seq, hash } = this.last ?? EMPTY_HEAD
    if (seq !== head.seq || hash !== head.hash) this.addGap(seq + 1, Math.max(1, head.seq - seq))
  }

  private addGap(at: number, count: number): void {
    this.missing += count
    this.firstGap ??= at
  }
}
