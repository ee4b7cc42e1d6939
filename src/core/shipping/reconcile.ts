import { parseAuditRecord } from '../audit/read-record.ts'
import { type AuditRecord, hashRecord, type Sha256 } from '../audit/record.ts'
import { parseLosslessJson } from '../json/read.ts'

/** Whether a topic has to hold a record: `due`; `open` where it may; `outside` of what is read, so it is not looked for. */
export type DeliveryDue = 'due' | 'open' | 'outside'

/** A message of a topic; null for a part that is missing or no UTF-8 text. */
export interface TopicMessage {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  /** The header `audit_id`. */
  readonly audit_id: string | null
  readonly body: string | null
}

/** What can be wrong with a topic; see `DeliveryLedger`. */
export type TopicFault =
  | 'record_missing'
  | 'record_altered'
  | 'record_reordered'
  | 'record_unknown'
  | 'message_unreadable'

/** How often a fault was found, with a description of the first ones. */
export interface FaultCount {
  readonly count: number
  readonly examples: readonly string[]
}
export interface Reconciliation {
  readonly records: Readonly<Record<DeliveryDue, number>>
  /** Messages that were read. */
  readonly messages: number
  /** Records of the table that were read at least once. */
  readonly distinct: number
  /** Messages beyond the first of their record, as a delivery at least once may leave them. */
  readonly repeated: number
  readonly faults: Readonly<Record<TopicFault, FaultCount>>
}

const EXAMPLES = 10
const DUES: readonly DeliveryDue[] = ['due', 'open', 'outside']
const OUTSIDE = DUES.indexOf('outside')
/** Words of 32 bits by record: two of the digest of its audit id, four of its hash, two of the digest of its target. */
const WORDS = 8
const ID = 0
const HASH = 2
const TARGET = 6

/**
 * Compares a table of audit records with a topic, record by record: first every record of the table, then every message.
 * Holds 46 bytes a record, whatever its size, and nothing of a message.
 *
 * - `record_missing`: a due record without a message.
 * - `record_altered`: a message with the audit id of a record, but another content, key or header than that record.
 * - `record_reordered`: the first message of a record stands before that of an earlier record of its target, or in
 *   another partition, where there is no order between them. Records outside of what is read are left out.
 * - `record_unknown`: a message with an audit record that the table does not hold at its number.
 * - `message_unreadable`: a message that is no audit record.
 */
export class DeliveryLedger {
  private readonly sha256: Sha256
  private words = new Uint32Array(0)
  private dues = new Uint8Array(0)
  /** Messages of each record, up to 255. */
  private seen = new Uint8Array(0)
  private offsets = new Float64Array(0)
  private partitions = new Int32Array(0)
  private size = 0
  private messages = 0
  private repeated = 0
  private readonly faults: Record<TopicFault, { count: number; examples: string[] }> = {
    record_missing: { count: 0, examples: [] },
    record_altered: { count: 0, examples: [] },
    record_reordered: { count: 0, examples: [] },
    record_unknown: { count: 0, examples: [] },
    message_unreadable: { count: 0, examples: [] },
  }

  constructor(sha256: Sha256) {
    this.sha256 = sha256
  }

  /** The number of the last record added; 0 for none. */
  get last(): number {
    return this.size
  }

  /**
   * Adds the next record of the table.
   *
   * @returns false where it is not the next by its number, and then adds nothing
   */
  add({ seq, audit_id, hash, target }: AuditRecord, due: DeliveryDue): boolean {
    if (seq !== this.size + 1) return false
    const at = this.size
    if (at === this.dues.length) this.grow()
    this.words.set(readWords(this.sha256(audit_id), 2), at * WORDS + ID)
    this.words.set(readWords(hash, 4), at * WORDS + HASH)
    this.words.set(readWords(this.sha256(target), 2), at * WORDS + TARGET)
    this.dues[at] = DUES.indexOf(due)
    this.size += 1
    return true
  }

  /** Takes a message; those of one partition in the order of their offsets. */
  take(message: TopicMessage): void {
    this.messages += 1
    const record = parseBody(message.body)
    if (record === null) return this.report('message_unreadable', describePlace(message))
    const at = record.seq - 1
    const what = `record ${record.seq} of ${record.target}, ${describePlace(message)}`
    if (at < 0 || at >= this.size || !this.holds(at, ID, this.sha256(record.audit_id)))
      return this.report('record_unknown', what)
    if (!this.isUnaltered(at, record, message)) this.report('record_altered', what)
    if (this.seen[at] === 0) {
      this.offsets[at] = message.offset
      this.partitions[at] = message.partition
    } else this.repeated += 1
    this.seen[at] = Math.min(255, (this.seen[at] as number) + 1)
  }

  /** The result, after the last message. To be called once. */
  judge(): Reconciliation {
    const records: Record<DeliveryDue, number> = { due: 0, open: 0, outside: 0 }
    let distinct = 0
    for (let at = 0; at < this.size; at += 1) {
      const due = DUES[this.dues[at] as number] as DeliveryDue
      records[due] += 1
      if (this.seen[at] !== 0) distinct += 1
      else if (due === 'due') this.report('record_missing', `record ${at + 1}`)
    }
    this.checkOrder()
    const { messages, repeated, faults } = this
    return { records, messages, distinct, repeated, faults }
  }

  /** Follows the records of each target by number, and the place of the first message of each. */
  private checkOrder(): void {
    let before: number | null = null
    for (const at of this.sortByTarget()) {
      if (before !== null && !this.haveOneTarget(before, at)) before = null
      if (before !== null && !this.stands(at, before))
        this.report('record_reordered', `record ${at + 1} and record ${before + 1}`)
      else before = at
    }
  }

  /**
   * The records whose first message was read, by target and then by number. Of a record outside of what is read only a
   * repetition can be there, which may stand anywhere behind.
   */
  private sortByTarget(): Uint32Array {
    const { words, seen, dues } = this
    const all = Uint32Array.from({ length: this.size }, (_, at) => at).filter(
      (at) => seen[at] !== 0 && dues[at] !== OUTSIDE,
    )
    const word = (at: number, index: number): number => words[at * WORDS + TARGET + index] as number
    return all.sort((a, b) => word(a, 0) - word(b, 0) || word(a, 1) - word(b, 1) || a - b)
  }

  private haveOneTarget(one: number, other: number): boolean {
    return [TARGET, TARGET + 1].every(
      (word) => this.words[one * WORDS + word] === this.words[other * WORDS + word],
    )
  }

  /** Whether the first message of a record stands behind that of another one. */
  private stands(at: number, before: number): boolean {
    return (
      this.partitions[at] === this.partitions[before] &&
      (this.offsets[at] as number) > (this.offsets[before] as number)
    )
  }

  private isUnaltered(at: number, record: AuditRecord, { key, audit_id }: TopicMessage): boolean {
    const { hash, ...hashed } = record
    return (
      this.holds(at, HASH, hash) &&
      hashRecord(hashed, this.sha256) === hash &&
      key === record.target &&
      audit_id === record.audit_id
    )
  }

  /** Whether a record has the words that a digest in hex begins with. */
  private holds(at: number, word: typeof ID | typeof HASH, hex: string): boolean {
    const count = word === ID ? HASH - ID : TARGET - HASH
    return readWords(hex, count).every(
      (one, index) => one === this.words[at * WORDS + word + index],
    )
  }

  private report(fault: TopicFault, example: string): void {
    const { examples } = this.faults[fault]
    this.faults[fault].count += 1
    if (examples.length < EXAMPLES) examples.push(example)
  }

  private grow(): void {
    const length = Math.max(1_024, this.dues.length * 2)
    const words = new Uint32Array(length * WORDS)
    words.set(this.words)
    this.words = words
    const [dues, seen] = [new Uint8Array(length), new Uint8Array(length)]
    dues.set(this.dues)
    seen.set(this.seen)
    const [offsets, partitions] = [new Float64Array(length), new Int32Array(length)]
    offsets.set(this.offsets)
    partitions.set(this.partitions)
    Object.assign(this, { dues, seen, offsets, partitions })
  }
}

const readWords = (hex: string, count: number): readonly number[] =>
  Array.from({ length: count }, (_, word) => Number.parseInt(hex.slice(word * 8, word * 8 + 8), 16))

function parseBody(body: string | null): AuditRecord | null {
  const read = body === null ? null : parseLosslessJson(body)
  return read?.ok === true ? parseAuditRecord(read.node) : null
}

const describePlace = ({ partition, offset }: TopicMessage): string =>
  `offset ${offset} of partition ${partition}`
