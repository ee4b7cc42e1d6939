import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { parseAuditRecord } from '../../core/audit/read-record.ts'
import { parseLosslessJson } from '../../core/json/read.ts'
import { getMember } from '../../core/row-format/row-line.ts'
import { instantToMs } from '../../core/rows/instant.ts'
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

  /** Adds the name of the next record. @param at when it was made, or later, in milliseconds since 1970 */
  add({ op_id, request_digest: digest }: WriteName, seq: number, at: number): void {
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
    if (name !== null) this.add(name, record.seq, instantToMs(record.occurred_at))
  }
}

/**
 * Reads the names of a log from its newest segments on: all of the last 24 h, and the last 4,000 records. Looks at the end
 * of each line alone. A name counts as made when its segment ended, which is not before it was.
 *
 * @param last the last record that counts
 * @throws LineTooLong; the system's error
 */
export async function readWriteNames(folder: string, last: number): Promise<WriteNames> {
  const parts = await selectParts(folder, last)
  const names = new WriteNames((parts[0]?.segment.first ?? last + 1) - 1)
  for (const part of parts) await readNames(folder, part, names)
  return names
}

interface Part {
  readonly segment: Segment
  readonly last: number
  /** When the next segment began, in milliseconds since 1970. */
  readonly endedAt: number
}

/** The newest segments, from the first one on that may hold what is needed. */
async function selectParts(folder: string, last: number): Promise<readonly Part[]> {
  const parts: Part[] = []
  let endedAt = Date.now()
  const since = endedAt - KEYED_MS - CLOCK_DIFFERENCE_MS
  for (const segment of (await listSegments(folder)).toReversed()) {
    parts.unshift({ segment, last: Math.min(segment.last, last), endedAt })
    endedAt = (await readFirstTime(folder, segment)) ?? endedAt
    if (last - segment.first >= MOST_UNKEYED && endedAt < since) break
  }
  return parts
}

/** When the first record of a segment was made; null where it has none that is as it was written. */
async function readFirstTime(folder: string, { name }: Segment): Promise<number | null> {
  for await (const { bytes } of readFileLines(join(folder, name))) {
    const json = unsealLogLine(bytes)
    const read = json === null ? null : parseLosslessJson(json)
    const audit = read?.ok === true ? getMember(read.node, 'audit') : undefined
    const record = audit === undefined ? null : parseAuditRecord(audit)
    return record === null ? null : instantToMs(record.occurred_at)
  }
  return null
}

/** More than the members behind the changes take. */
const END_BYTES = 320
const END = /,"op_id":"([^"\\]{1,128})"(?:,"request_digest":"([^"\\]{1,128})")?,"seq":(\d{1,15})\}$/

async function readNames(
  folder: string,
  { segment, last, endedAt }: Part,
  names: WriteNames,
): Promise<void> {
  for await (const { bytes, ended } of readFileLines(join(folder, segment.name))) {
    const found = END.exec(bytes.toString('latin1', Math.max(0, bytes.length - END_BYTES)))
    if (!ended || found === null) continue
    const [, op_id = '', request_digest = null, number] = found
    const seq = Number(number)
    if (seq > last) return
    names.add({ op_id, request_digest }, seq, endedAt)
  }
}
