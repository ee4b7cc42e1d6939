import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { parseAuditRecord } from '../../core/audit/read-record.ts'
import { parseLosslessJson } from '../../core/json/read.ts'
import { getMember } from '../../core/row-format/row-line.ts'
import { type Instant, instantToMs } from '../../core/rows/instant.ts'
import type { CopiedChange, WriteName } from '../../ports/cutover.ts'
import { readFileLines, unsealLogLine } from './lines.ts'
import { listSegments, type Segment } from './segments.ts'

/** How long the name of a write with an idempotency key is kept at least, by the times of the records. */
const KEYED_MS = 86_400_000
/** Names without a key that are kept: far more than can be asked for again while a writer changes. */
const MOST_UNKEYED = 4_000
/** How far the clocks of instances may differ. */
const CLOCK_DIFFERENCE_MS = 3_600_000

interface NamedRecord {
  readonly seq: number
  /** The request digest; null for a write without a key. */
  readonly digest: string | null
  readonly at: number
}

/** A name of its own for a write without an idempotency key. */
export const makeWriteName = (): WriteName => ({ op_id: randomUUID(), request_digest: null })

/** Which record of the log a name stands in: those with a key of the last 24 h, and the last 4,000 without. */
export class WriteNames {
  private readonly keyed = new Map<string, NamedRecord>()
  private readonly unkeyed = new Map<string, NamedRecord>()
  /** The last record whose name, without a key, is not kept any more. */
  private forgottenTo: number

  /** @param before the last record whose name is not known */
  constructor(before = 0) {
    this.forgottenTo = before
  }

  find(op_id: string): NamedRecord | null {
    return this.keyed.get(op_id) ?? this.unkeyed.get(op_id) ?? null
  }

  /** Whether a name without a key that is not found stands in no record behind `seq`. */
  coversAfter(seq: number): boolean {
    return seq >= this.forgottenTo
  }

  /** Adds the name of the next record. */
  add({ op_id, request_digest: digest }: WriteName, seq: number, occurred_at: Instant): void {
    const at = instantToMs(occurred_at)
    if (digest === null) {
      this.unkeyed.set(op_id, { seq, digest, at })
      for (const [oldest, one] of this.unkeyed) {
        if (this.unkeyed.size <= MOST_UNKEYED) break
        this.unkeyed.delete(oldest)
        this.forgottenTo = one.seq
      }
      return
    }
    this.keyed.set(op_id, { seq, digest, at })
    for (const [oldest, one] of this.keyed) {
      if (one.at > at - KEYED_MS - CLOCK_DIFFERENCE_MS) break
      this.keyed.delete(oldest)
    }
  }

  addChange({ name, record }: CopiedChange): void {
    if (name !== null) this.add(name, record.seq, record.occurred_at)
  }
}

/**
 * Reads the names of a log from its newest segments on: all of the last 24 h, and the last 4,000 records. Looks at the end
 * of each line alone, and parses those with a key.
 *
 * @param last the last record that counts
 * @throws LineTooLong; the system's error
 */
export async function readWriteNames(folder: string, last: number): Promise<WriteNames> {
  const segments = await selectSegments(folder, last)
  const names = new WriteNames((segments[0]?.first ?? last + 1) - 1)
  for (const segment of segments)
    await readNames(folder, { ...segment, last: Math.min(segment.last, last) }, names)
  return names
}

/** The newest segments, up to the first one that begins before all that is needed. */
async function selectSegments(folder: string, last: number): Promise<readonly Segment[]> {
  const selected: Segment[] = []
  for (const segment of (await listSegments(folder)).toReversed()) {
    selected.unshift(segment)
    if (last - segment.first < MOST_UNKEYED) continue
    const at = await readFirstTime(folder, segment)
    if (at !== null && at < Date.now() - KEYED_MS - CLOCK_DIFFERENCE_MS) break
  }
  return selected
}

/** When the first record of a segment was made; null where it has none. */
async function readFirstTime(folder: string, { name }: Segment): Promise<number | null> {
  for await (const { bytes } of readFileLines(join(folder, name))) {
    const at = readTime(bytes)
    return at === null ? null : instantToMs(at)
  }
  return null
}

function readTime(bytes: Buffer): Instant | null {
  const json = unsealLogLine(bytes)
  const read = json === null ? null : parseLosslessJson(json)
  const audit = read?.ok === true ? getMember(read.node, 'audit') : undefined
  return audit === undefined ? null : (parseAuditRecord(audit)?.occurred_at ?? null)
}

const END_BYTES = 320
const END = /,"op_id":"([^"\\]{1,128})"(?:,"request_digest":"([^"\\]{1,128})")?,"seq":(\d{1,15})\}$/

async function readNames(
  folder: string,
  { name, last }: Segment,
  names: WriteNames,
): Promise<void> {
  for await (const { bytes, ended } of readFileLines(join(folder, name))) {
    const found = END.exec(bytes.toString('latin1', Math.max(0, bytes.length - END_BYTES)))
    if (!ended || found === null) continue
    const [, op_id = '', digest = null, number] = found
    const seq = Number(number)
    if (seq > last) return
    const at = digest === null ? LONG_AGO : readTime(bytes)
    // A damaged line is reported by those who read its record.
    if (at !== null) names.add({ op_id, request_digest: digest }, seq, at)
  }
}
/** The time of a name without a key does not matter. */
const LONG_AGO = '1970-01-01T00:00:00.000Z' as Instant
