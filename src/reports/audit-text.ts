import type { AuditRecord } from '../core/audit/record.ts'
import { serializeRecord } from '../core/audit/record.ts'
import { escapeLine } from '../core/text/terminal.ts'

/** How `ff audit tail` shows a record: a line of text, or of JSON without its sink members. */
export const RECORD_LINES = {
  text: (record: AuditRecord): string => {
    const { seq, occurred_at, outcome, action, target, actor, request_id } = record
    const told = [seq, occurred_at, outcome, action, target, `by ${actor}`, request_id].join('  ')
    // One line each, whatever a caller put into its id.
    return `${escapeLine(told)}\n`
  },
  ndjson: (record: AuditRecord): string => `${serializeRecord(record)}\n`,
} as const
