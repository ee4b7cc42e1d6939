import { type AuditRecord, serializeRecord } from '../../src/core/audit/record.ts'
import type { WitnessedMessage } from './kafka.ts'

/** What a topic holds of the records of a table, counted without the code that delivers or reconciles. */
export interface Witness {
  /** Records without a message. */
  readonly lost: number
  /** Records whose first message stands before the first message of an earlier record of its target. */
  readonly disordered: number
  /** Messages with another body, key or header than their record, and those of no record. */
  readonly wrong: number
  /** Messages beyond the first of a record. */
  readonly repeated: number
}

/** @param messages of each partition in their order, as kcat reads them */
export function witness(
  records: readonly AuditRecord[],
  messages: readonly WitnessedMessage[],
): Witness {
  const bodies = new Map(records.map((one) => [one.audit_id, serializeRecord(one) as string]))
  const seen = new Set<string>()
  const last = new Map<string, number>()
  let [disordered, wrong, repeated] = [0, 0, 0]
  for (const { key, headers, payload } of messages) {
    const { audit_id, seq, target } = JSON.parse(payload) as AuditRecord
    const isRight =
      bodies.get(audit_id) === payload &&
      key === target &&
      headers.join() === `audit_id,${audit_id}`
    if (!isRight) wrong += 1
    else if (seen.has(audit_id)) repeated += 1
    else {
      seen.add(audit_id)
      if (seq < (last.get(target) ?? 0)) disordered += 1
      else last.set(target, seq)
    }
  }
  return { lost: records.length - seen.size, disordered, wrong, repeated }
}
