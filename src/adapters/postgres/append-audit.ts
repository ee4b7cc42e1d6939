import type pg from 'pg'
import type { AuditChainHead, AuditRecord } from '../../core/audit/record.ts'
import { RECORD_COLUMNS } from './record-column.ts'
import type { Statements } from './statements.ts'

/** The driver's configuration of a query that each connection prepares once, under this name; sends nothing. */
export const preparedStatement = (
  name: string,
  text: string,
  values: readonly (string | number | null)[] = [],
): { name: string; text: string; values: (string | number | null)[] } => ({
  name,
  text,
  values: [...values],
})

/**
 * Moves the audit head to a record and inserts the record. The caller's transaction holds the row lock on the head.
 *
 * @throws Error if the head is not the record before this one; the driver's error, unmapped
 */
export async function appendAudit(
  client: pg.ClientBase,
  statements: Statements,
  record: AuditRecord,
): Promise<void> {
  const { seq, hash } = record
  const [{ rowCount }] = await Promise.all([
    client.query(preparedStatement('ff_move_head', statements.moveHead, [seq, hash])),
    insertRecord(client, statements, record),
  ])
  if (rowCount !== 1) throw new Error('the audit head changed while its row was locked')
}

/** Inserts a record, and leaves the head to the caller. @throws the driver's error, unmapped */
export function insertRecord(
  client: pg.ClientBase,
  { insertAudit }: Statements,
  record: AuditRecord,
): Promise<pg.QueryResult> {
  const values = RECORD_COLUMNS.map((name) => record[name])
  return client.query(preparedStatement('ff_insert_audit', insertAudit, values))
}

interface HeadRow {
  readonly seq: string
  readonly hash: string
}
/** Parses the row of `audit_head` into number and hash of the last record. @throws Error if the table is empty */
export function parseAuditHead({ rows }: Pick<pg.QueryResult<HeadRow>, 'rows'>): AuditChainHead {
  const [row] = rows
  if (row === undefined) throw new Error('the audit head is missing')
  return { seq: Number(row.seq), hash: row.hash }
}
