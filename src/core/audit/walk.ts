import {
  type AuditChainHead,
  type AuditRecord,
  EMPTY_HEAD,
  hashRecord,
  type Sha256,
} from './record.ts'

/** The first fault of a chain and the record concerned. */
export interface ChainFault {
  readonly code: 'audit_changed' | 'audit_dropped' | 'audit_reordered'
  readonly seq: number
  readonly detail: string
}
/** Whether the chain contains a head: `cut` where the chain ends before it. */
export type ChainPosition = 'held' | 'differs' | 'cut'

/**
 * Verifies a chain record by record in stored order and recomputes each hash; reads nothing itself. After the first
 * fault it only looks for the expected record, to distinguish a moved record from a missing one.
 */
export class ChainWalk {
  private readonly sha256: Sha256
  private readonly marks: ReadonlySet<number>
  private readonly passed = new Map<number, string>()
  private reached: AuditChainHead
  private found: ChainFault | null = null

  /** @param way.from the head to start after @param way.marks heads that `findPlace` is called with later */
  constructor(
    sha256: Sha256,
    way: { readonly from?: AuditChainHead; readonly marks?: readonly AuditChainHead[] } = {},
  ) {
    const { from = EMPTY_HEAD, marks = [] } = way
    this.sha256 = sha256
    this.marks = new Set(marks.map(({ seq }) => seq))
    this.reached = from
    this.passed.set(from.seq, from.hash)
  }

  /** Number and hash of the last valid record; the head to start after where no record was valid. */
  get head(): AuditChainHead {
    return this.reached
  }
  /**
   * The first fault; null while the chain is valid. A missing or changed record turns into `audit_reordered` where a
   * later `take` finds it.
   */
  get fault(): ChainFault | null {
    return this.found
  }

  /**
   * Takes the next record in stored order.
   *
   * @param record null for an unreadable record, which is a fault
   *
   * @returns whether the chain is valid so far; once false, always false
   */
  take(record: AuditRecord | null): boolean {
    if (this.found === null && record !== null && this.follows(record)) {
      this.reached = { seq: record.seq, hash: record.hash }
      if (this.marks.has(record.seq)) this.passed.set(record.seq, record.hash)
      return true
    }
    this.found ??= this.findFault(record)
    if (record !== null && this.belongsHere(record)) this.found = this.describeMove(record)
    return false
  }

  /**
   * Whether the valid part contains a head: `held` with the same hash, `differs` with another one, `cut` where it was
   * not reached. To be called after the last record, for the start, a head given as `marks`, or one of the same
   * number.
   */
  findPlace({ seq, hash }: AuditChainHead): ChainPosition {
    const there = this.passed.get(seq)
    if (there === undefined) return 'cut'
    return there === hash ? 'held' : 'differs'
  }

  private follows(record: AuditRecord): boolean {
    return record.seq === this.reached.seq + 1 && this.belongsHere(record)
  }

  /** Whether it is the next record, whatever its present number. */
  private belongsHere(record: AuditRecord): boolean {
    const { hash, ...hashed } = record
    const { seq, hash: prev_hash } = this.reached
    return (
      hashed.prev_hash === prev_hash &&
      hashRecord({ ...hashed, seq: seq + 1 }, this.sha256) === hash
    )
  }

  private findFault(record: AuditRecord | null): ChainFault {
    const seq = this.reached.seq + 1
    const fault = (code: ChainFault['code'], at: number, detail: string): ChainFault => ({
      code,
      seq: at,
      detail: `record ${at} ${detail}`,
    })
    if (record === null) return fault('audit_changed', seq, 'is not a readable record')
    if (record.seq > seq)
      return fault('audit_dropped', seq, `is missing: record ${record.seq} follows instead`)
    if (record.seq < seq)
      return fault('audit_reordered', record.seq, `stands in the place of record ${seq}`)
    const { hash, ...hashed } = record
    const sealed = hashRecord(hashed, this.sha256) === hash
    // Its own hash is valid, so it was linked to another predecessor than the present one.
    if (sealed && seq > 1)
      return fault('audit_changed', seq - 1, 'was changed and its hash recomputed')
    return fault('audit_changed', seq, 'does not match its hash')
  }

  private describeMove({ seq: now }: AuditRecord): ChainFault {
    const seq = this.reached.seq + 1
    const where = now === seq ? 'further on' : `as ${now}`
    return { code: 'audit_reordered', seq, detail: `record ${seq} stands ${where}` }
  }
}
