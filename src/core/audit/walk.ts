import {
  type AuditChainHead,
  type AuditRecord,
  EMPTY_HEAD,
  hashRecord,
  type Sha256,
} from './record.ts'

/** The first thing that is wrong with a chain, and with which record. */
export interface ChainFault {
  readonly code: 'audit_changed' | 'audit_dropped' | 'audit_reordered'
  readonly seq: number
  readonly detail: string
}
/** Whether a place is on the chain: `cut` where the chain ends before it. */
export type ChainPosition = 'held' | 'differs' | 'cut'

/**
 * Walks a chain record by record, in the order in which they are kept, and recomputes each hash. Behind the first
 * fault it only looks for the record that should have stood there, which tells a moved one from one that is gone.
 */
export class ChainWalk {
  private readonly sha256: Sha256
  private readonly marks: ReadonlySet<number>
  private readonly passed = new Map<number, string>()
  private reached: AuditChainHead
  private found: ChainFault | null = null

  /** @param way.from where it begins @param way.marks places that are asked for afterwards */
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

  /** The end of what holds. */
  get head(): AuditChainHead {
    return this.reached
  }
  get fault(): ChainFault | null {
    return this.found
  }

  /** @param record null where what is kept there is no record @returns whether all holds so far */
  take(record: AuditRecord | null): boolean {
    if (this.found === null && record !== null && this.follows(record)) {
      this.reached = { seq: record.seq, hash: record.hash }
      if (this.marks.has(record.seq)) this.passed.set(record.seq, record.hash)
      return true
    }
    this.found ??= this.findFault(record)
    if (record !== null && this.belongsHere(record)) this.found = this.movedTo(record)
    return false
  }

  /** Of a mark, when the chain was walked to its end. */
  findPlace({ seq, hash }: AuditChainHead): ChainPosition {
    const there = this.passed.get(seq)
    if (there === undefined) return 'cut'
    return there === hash ? 'held' : 'differs'
  }

  private follows(record: AuditRecord): boolean {
    return record.seq === this.reached.seq + 1 && this.belongsHere(record)
  }

  /** Whether it is the next record, whatever number it stands under now. */
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
    if (record === null) return fault('audit_changed', seq, 'cannot be read as one')
    if (record.seq > seq)
      return fault('audit_dropped', seq, `is not there: ${record.seq} stands in its place`)
    if (record.seq < seq)
      return fault('audit_reordered', record.seq, `stands where ${seq} should, too`)
    const { hash, ...hashed } = record
    const sealed = hashRecord(hashed, this.sha256) === hash
    // Its own hash holds, so it goes on from another record than the one that is there before it.
    if (sealed && seq > 1)
      return fault('audit_changed', seq - 1, 'was changed, and its hash was made to fit')
    return fault('audit_changed', seq, 'is not what its hash says')
  }

  private movedTo({ seq: now }: AuditRecord): ChainFault {
    const seq = this.reached.seq + 1
    const where = now === seq ? 'further on' : `as ${now}`
    return { code: 'audit_reordered', seq, detail: `record ${seq} stands ${where}` }
  }
}
