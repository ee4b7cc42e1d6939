import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditRecord } from '../../core/audit/record.ts'
import { FfError } from '../../errors.ts'
import type { AuditReading, AuditTrail } from '../../ports/audit.ts'

const POLL_MS = 1_000
/** Records of one reading; the next reading brings the rest. */
const MOST_AT_ONCE = 1_000

/**
 * Yields the last `lines` records of a trail as one list, which may be empty. With `follow` it then reads each
 * second, and yields lists of up to 1000 new records until the signal.
 *
 * @throws FfError `audit_altered` at an entry that is not a record, and the errors of the store
 */
export async function* tailRecords(
  trail: AuditTrail,
  { lines, follow, signal }: TailOptions,
): AsyncGenerator<readonly AuditRecord[]> {
  const { records: last, seq } = await readLastRecords(trail, lines)
  yield last
  let after = seq
  while (follow && !signal.aborted) {
    const next = await trail.read(after, readFirstRecords)
    if (next.length > 0) yield next
    after = next.at(-1)?.seq ?? after
    // The signal ends the sleep, and the loop then ends.
    if (next.length < MOST_AT_ONCE) await sleep(POLL_MS, null, { signal }).catch(() => null)
  }
}
export interface TailOptions {
  readonly lines: number
  readonly follow: boolean
  readonly signal: AbortSignal
}

/** The last records, at most `most`, and the number of the last record read; 0 for a trail without records. */
async function readLastRecords(
  trail: AuditTrail,
  most: number,
): Promise<{ readonly records: readonly AuditRecord[]; readonly seq: number }> {
  // A store that does not keep the end of its chain is read from the start.
  const end = await trail.read(0, ({ said: { head, as } }) =>
    Promise.resolve(as === 'end' ? head.seq : 0),
  )
  return trail.read(Math.max(0, end - most), async (reading) => {
    const records: AuditRecord[] = []
    let seq = end
    for await (const record of requireRecords(reading)) {
      seq = record.seq
      records.push(record)
      if (records.length > most) records.shift()
    }
    return { records, seq }
  })
}

async function readFirstRecords(reading: AuditReading): Promise<readonly AuditRecord[]> {
  const first: AuditRecord[] = []
  for await (const record of requireRecords(reading)) {
    first.push(record)
    if (first.length === MOST_AT_ONCE) break
  }
  return first
}

async function* requireRecords({ records }: AuditReading): AsyncGenerator<AuditRecord> {
  for await (const record of records) {
    if (record === null)
      throw new FfError('audit_altered', 'The audit trail holds an entry that is not a record.', {
        hint: 'Run `ff audit verify` with the same store: it names the first altered entry.',
      })
    yield record
  }
}
