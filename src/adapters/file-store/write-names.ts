import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FfError } from '../../errors.ts'
import type { CopiedChange, WriteName } from '../../ports/cutover.ts'
import { readFileLines } from './lines.ts'
import { listSegments, type Segment } from './segments.ts'

/** How long the name of a write with an idempotency key is kept, unless there are more than `MOST_KEYED`. */
const KEYED_MS = 90_000_000
/** Names with a key that are kept: about 50 MB of them. */
const MOST_KEYED = 200_000
/** Names without a key that are kept: far more than can be asked for again while a writer changes. */
const MOST_UNKEYED = 4_000

interface NamedRecord {
  readonly seq: number
  readonly at: number
}

/** A name of its own for a write without an idempotency key. */
export const makeWriteName = (): WriteName => ({ op_id: randomUUID(), request_digest: null })

/**
 * Which record of the log a name stands in: the last 200,000 names with a key that this process has met in 25 hours, and
 * the last 4,000 without. The times in the records do not count, since the clock of one of them may be wrong.
 */
export class WriteNames {
  private readonly keyed = new Map<string, NamedRecord>()
  private readonly unkeyed = new Map<string, number>()
  /** The last record whose name, without a key, is not kept any more. */
  private forgottenTo: number
  /** When the last name with a key was made that was forgotten before its time. */
  private crowdedOutAt = Number.NEGATIVE_INFINITY
  private readonly now: () => number

  /** @param before the last record whose name is not known @param now in milliseconds, of a clock that is not set */
  constructor(before = 0, now = () => performance.now()) {
    this.forgottenTo = before
    this.now = now
  }

  /** The number of the record; null where the name is not known. */
  find(op_id: string): number | null {
    return this.keyed.get(op_id)?.seq ?? this.unkeyed.get(op_id) ?? null
  }

  /** Whether a name without a key that is not found stands in no record behind `seq`. */
  coversAfter(seq: number): boolean {
    return seq >= this.forgottenTo
  }

  /**
   * Whether a name is not known. One without a key may stand in an older record: see `coversAfter`.
   *
   * @throws FfError `outcome_unknown` where it has a key, and may be one that was forgotten before its time
   */
  isNew({ op_id, request_digest }: WriteName): boolean {
    if (this.find(op_id) !== null) return false
    if (request_digest === null || this.crowdedOutAt <= this.now() - KEYED_MS) return true
    throw new FfError(
      'outcome_unknown',
      `The file store keeps ${MOST_KEYED} idempotency keys, and had more of them in a day: it does not know whether it made the change ${op_id}.`,
      { hint: 'Read the row, and repeat the change without an Idempotency-Key.' },
    )
  }

  /** Adds the name of the next record. @param ageMs its age at the least, in milliseconds */
  add({ op_id, request_digest }: WriteName, seq: number, ageMs = 0): void {
    if (request_digest === null) {
      this.unkeyed.set(op_id, seq)
      for (const [oldest, forgotten] of this.unkeyed) {
        if (this.unkeyed.size <= MOST_UNKEYED) break
        this.unkeyed.delete(oldest)
        this.forgottenTo = forgotten
      }
      return
    }
    const now = this.now()
    this.keyed.set(op_id, { seq, at: now - ageMs })
    for (const [oldest, { at }] of this.keyed) {
      const isOld = at <= now - KEYED_MS
      if (!isOld && this.keyed.size <= MOST_KEYED) break
      this.keyed.delete(oldest)
      if (!isOld) this.crowdedOutAt = at
    }
  }

  addChange({ name, record }: CopiedChange): void {
    if (name !== null) this.add(name, record.seq)
  }
}

/**
 * Reads the names of a log from its newest segments on: all of the last 25 hours, and the last 4,000 records. Looks at the
 * end of each line alone. A name counts as made when its segment ended, which is not before it was.
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
  /** Milliseconds since the last write to it, or to one before it where that was later. */
  readonly ageMs: number
}

/** The newest segments, from the first one on that may hold what is needed. */
async function selectParts(folder: string, last: number): Promise<readonly Part[]> {
  const now = Date.now()
  const parts: Part[] = []
  let ageMs = Number.POSITIVE_INFINITY
  for (const segment of await listSegments(folder)) {
    const { mtimeMs } = await stat(join(folder, segment.name))
    // A segment is no older than those before it, whatever the clock was at its end.
    ageMs = Math.min(ageMs, Math.max(0, now - mtimeMs))
    parts.push({ segment, last: Math.min(segment.last, last), ageMs })
  }
  const from = parts.findIndex((part) => part.ageMs < KEYED_MS || part.last > last - MOST_UNKEYED)
  return parts.slice(from)
}

/** More than the members behind the changes take. */
const END_BYTES = 320
const END = /,"op_id":"([^"\\]{1,128})"(?:,"request_digest":"([^"\\]{1,128})")?,"seq":(\d{1,15})\}$/

async function readNames(
  folder: string,
  { segment, last, ageMs }: Part,
  names: WriteNames,
): Promise<void> {
  for await (const { bytes, ended } of readFileLines(join(folder, segment.name))) {
    const found = END.exec(bytes.toString('latin1', Math.max(0, bytes.length - END_BYTES)))
    if (!ended || found === null) continue
    const [, op_id = '', request_digest = null, number] = found
    const seq = Number(number)
    if (seq > last) return
    names.add({ op_id, request_digest }, seq, ageMs)
  }
}
