import type { AuditRecord } from '../core/audit/record.ts'
import { serializeRecord } from '../core/audit/record.ts'
import { escapeLine } from '../core/text/terminal.ts'

/** Formats a record of `ff audit tail` by format: a line of text, or of JSON without its sink members. */
export const RECORD_LINES = {
  text: (record: AuditRecord): string => {
    const { seq, occurred_at, outcome, action, target, actor, request_id } = record
    const line = [seq, occurred_at, outcome, action, target, `by ${actor}`, request_id].join('  ')
    // A caller's id may hold line feeds.
    return `${escapeLine(line)}\n`
  },
  ndjson: (record: AuditRecord): string => `${serializeRecord(record)}\n`,
} as const
