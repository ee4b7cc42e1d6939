import type { AuditChainHead } from '../../core/audit/record.ts'
import type { SinkStatus } from '../../core/audit/sink.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { type SeqRange, SeqSet } from '../../core/shipping/seq-set.ts'
import { sealLogLine, unsealLogLine } from './lines.ts'
import { StoreDamage } from './snapshot.ts'

/** The file name of the marks in a store's folder: which records of its log were delivered. */
export const MARKS = 'delivery.ndjson'
const FORMAT = 1
/** Ranges and tried records in one line of a rewritten file: far below the longest line. */
const IN_A_LINE = 5_000

/** A record that was tried and is not delivered. */
export interface TriedRecord {
  readonly seq: number
  readonly target: string
  /** `failed`: parked until it is re-driven. */
  readonly status: 'pending' | 'failed'
  readonly attempts: number
  /** Why the last attempt failed; null after a redrive. */
  readonly reason: string | null
  /** When this was written, and the wait before another attempt in milliseconds; null for none. */
  readonly at: Instant
  readonly delay_ms: number | null
}

/** One line of the file: what became of some records, all of it or nothing. */
export interface Mark {
  readonly delivered: readonly SeqRange[]
  /** The highest of the delivered records, which says in which chain they stand; null where there is none. */
  readonly head: AuditChainHead | null
  readonly tried: readonly TriedRecord[]
}

/** What the lines of the file say together. Each record is pending that is in neither. */
export class DeliveryMarks {
  readonly delivered = new SeqSet()
  /** By number. */
  readonly tried = new Map<number, TriedRecord>()
  /** The highest delivered record. */
  head: AuditChainHead | null = null
  /** How many records are failed. */
  failed = 0

  apply({ delivered, head, tried }: Mark): void {
    this.delivered.add(delivered)
    for (const [from, to] of this.tried.size === 0 ? [] : delivered)
      for (let seq = from; seq <= to; seq += 1) this.replaceTried(seq, null)
    for (const record of tried) this.replaceTried(record.seq, record)
    if (head !== null && head.seq > (this.head?.seq ?? 0)) this.head = head
  }

  private replaceTried(seq: number, record: TriedRecord | null): void {
    if (this.tried.get(seq)?.status === 'failed') this.failed -= 1
    if (record === null) this.tried.delete(seq)
    else this.tried.set(seq, record)
    if (record?.status === 'failed') this.failed += 1
  }

  status(seq: number): SinkStatus {
    if (this.delivered.has(seq)) return 'delivered'
    return this.tried.get(seq)?.status ?? 'pending'
  }

  /** Forgets what lies behind a record; null forgets all. */
  keepUpTo(head: AuditChainHead | null): void {
    const last = head?.seq ?? 0
    this.delivered.keepUpTo(last)
    for (const seq of this.tried.keys()) if (seq > last) this.replaceTried(seq, null)
    this.head = head
  }

  /** The fewest marks that say the same. */
  *list(): Generator<Mark> {
    const { head } = this
    for (const delivered of slices(this.delivered.ranges)) yield { delivered, head, tried: [] }
    for (const tried of slices([...this.tried.values()])) yield { delivered: [], head: null, tried }
  }
}

function* slices<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += IN_A_LINE) yield all.slice(at, at + IN_A_LINE)
}

/** The first line of a file of marks; another id after each rewrite. */
export const formatMarksHeader = (id: string): string =>
  sealLogLine(JSON.stringify({ v: FORMAT, id }))

export const formatMark = (mark: Mark): string => sealLogLine(JSON.stringify(mark))

/** The id in a first line, without its newline. @throws StoreDamage */
export function readMarksHeader(bytes: Buffer): string {
  const { v, id } = readLine(bytes, 0) as { readonly v?: unknown; readonly id?: unknown }
  if (typeof id !== 'string') throw new StoreDamage(`the first line of ${MARKS} is not a header`)
  if (v !== FORMAT)
    throw new StoreDamage(`${MARKS} has format ${String(v)}, this version reads format ${FORMAT}`)
  return id
}

/** The mark of a line, without its newline. @throws StoreDamage */
export function readMark(bytes: Buffer, offset: number): Mark {
  const mark = readLine(bytes, offset)
  if (!('delivered' in mark && 'head' in mark && 'tried' in mark))
    throw new StoreDamage(`the line of ${MARKS} at byte ${offset} is not a mark`)
  return mark as Mark
}

/** The checksum holds what `ff` wrote, so the members are not looked at one by one. */
function readLine(bytes: Buffer, offset: number): object {
  const json = unsealLogLine(bytes)
  if (json === null)
    throw new StoreDamage(`the line of ${MARKS} at byte ${offset} does not match its checksum`)
  return JSON.parse(json) as object
}

export const formatRedrive = (target: string | null): string =>
  sealLogLine(JSON.stringify({ target }))
/** The target of a request; undefined where the text is not whole. */
export function readRedrive(text: Buffer): string | null | undefined {
  const json = text.at(-1) === 0x0a ? unsealLogLine(text.subarray(0, -1)) : null
  return json === null ? undefined : (JSON.parse(json) as { readonly target: string | null }).target
}
