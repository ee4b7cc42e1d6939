import { parseAuditRecord } from '../../core/audit/read-record.ts'
import type { AuditRecord } from '../../core/audit/record.ts'
import { isJsonObject, type JsonMember, parseLosslessJson } from '../../core/json/read.ts'
import { padToMilliseconds } from './columns.ts'

/** The members of an audit record, each a column of the table `audit`. */
export const RECORD_COLUMNS = [
  'seq',
  'audit_id',
  'occurred_at',
  'actor',
  'auth_mode',
  'action',
  'outcome',
  'target',
  'before',
  'after',
  'request_id',
  'approval_ref',
  'phase',
  'prev_hash',
  'hash',
] as const satisfies readonly (keyof AuditRecord)[]
/** An SQL expression for an audit record as JSON text, for `parseRecordText`. @param alias of the table `audit` */
export const formatRecordColumn = (alias: string): string =>
  `json_build_object(${RECORD_COLUMNS.map((name) => `'${name}', ${alias}.${name}${name === 'occurred_at' ? ` AT TIME ZONE 'UTC'` : ''}`).join(', ')})::text`

/** Parses the text of `formatRecordColumn`; null where it is no valid record. */
export function parseRecordText(json: string): AuditRecord | null {
  const read = parseLosslessJson(json)
  if (!read.ok || typeof read.node !== 'object' || read.node === null || !isJsonObject(read.node))
    return null
  const members = read.node.members.map(([name, held]): JsonMember => [
    name,
    name === 'occurred_at' && typeof held === 'string' ? padToMilliseconds(held) : held,
  ])
  return parseAuditRecord({ members })
}
