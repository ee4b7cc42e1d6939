import type { AuditRecord } from '../../core/audit/record.ts'
import type { SeqSet } from '../../core/shipping/seq-set.ts'
import type { AuditTrail } from '../../ports/audit.ts'
import { StoreDamage } from './snapshot.ts'

/** More delivered records than this are not read, but passed over: about as many as a segment has. */
const FAR = 20_000

/**
 * Reads the log from a record on, in order, until `use` returns false; passes over long stretches of delivered records.
 *
 * @returns whether the log ended
 * @throws StoreDamage for a record that is missing or is none, or that does not continue the chain; FfError of the trail
 */
export async function readOn(
  { trail, delivered }: { readonly trail: AuditTrail; readonly delivered: SeqSet },
  from: number,
  use: (record: AuditRecord) => boolean,
): Promise<boolean> {
  let ended = false
  for (let start: number | null = from; start !== null;) {
    let before: Pick<AuditRecord, 'seq' | 'hash'> | null = null
    let jump: number | null = null
    ended = await trail.read(start - 1, async ({ records }) => {
      for await (const record of records) {
        requireNext(record, before)
        before = record
        if (!use(record)) return false
        const missing = delivered.findMissing(record.seq)
        if (missing > record.seq + FAR) {
          jump = missing
          return false
        }
      }
      return true
    })
    start = jump
  }
  return ended
}

function requireNext(
  record: AuditRecord | null,
  before: Pick<AuditRecord, 'seq' | 'hash'> | null,
): asserts record is AuditRecord {
  if (record === null)
    throw new StoreDamage(`the log has a damaged line behind record ${before?.seq ?? 0}`)
  if (before === null) return
  if (record.seq !== before.seq + 1)
    throw new StoreDamage(`record ${record.seq} of the log follows record ${before.seq}`)
  if (record.prev_hash !== before.hash)
    throw new StoreDamage(`record ${record.seq} does not continue the audit chain`)
}
