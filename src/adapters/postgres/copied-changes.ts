import type pg from 'pg'
import { type AuditChainHead, type AuditRecord, parseAuditTarget } from '../../core/audit/record.ts'
import type { ChangeKind } from '../../core/feed/types.ts'
import { serializeRow } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { CopiedChange } from '../../ports/cutover.ts'
import { continuesChain } from '../store-files/seal-audit.ts'
import { insertRecord, preparedStatement } from './append-audit.ts'
import { listNameColumns } from './apply-write.ts'
import type { Client } from './client.ts'
import { parseRow } from './columns.ts'
import type { CutoverStatements } from './cutover-statements.ts'
import { parseRecordText } from './record-column.ts'
import type { Statements } from './statements.ts'

const MOST_BYTES = 4_194_304

interface ChangeRow {
  /** Hash of the record behind which the changes are; null where it is not there. */
  readonly after: string | null
  /** Null in the one row of a list that is empty. */
  readonly record: string | null
  readonly image: string | null
  readonly op_id: string | null
  readonly request_digest: string | null
}

/** The changes behind a record, at most `limit` and 4 MiB, one at least where there is one; null where it is not there. */
export async function readChanges(
  client: pg.ClientBase,
  { changes }: Pick<CutoverStatements, 'changes'>,
  { after, limit }: { readonly after: AuditChainHead; readonly limit: number },
): Promise<readonly CopiedChange[] | null> {
  const query = preparedStatement('ff_copied_changes', changes, [after.seq, limit, MOST_BYTES])
  const { rows } = await client.query<ChangeRow>(query)
  if (rows[0]?.after !== after.hash) return null
  return rows.flatMap((row) => (row.record === null ? [] : [parseChange(row, row.record)]))
}

function parseChange({ image, op_id, request_digest }: ChangeRow, text: string): CopiedChange {
  const record = parseRecordText(text)
  if (record === null) throw damaged('An audit record')
  const name = op_id === null ? null : { op_id, request_digest }
  return { record, name, rows: image === null ? [] : [parseImage(record.target, image)] }
}

/** The row of a change, from its image in the change log. @throws FfError `store_corrupt` */
export function parseImage(target: string, image: string): CopiedChange['rows'][number] {
  const table = parseAuditTarget(target)?.table
  const row = table === undefined ? null : parseRow(table, image)?.row
  if (table === undefined || row == null) throw damaged(`The row of ${target} in the change log`)
  return { table, row }
}

const damaged = (what: string): FfError =>
  new FfError('store_corrupt', `${what} is not in the form in which ff writes it.`, {
    hint: 'Run `ff audit verify --database env:FF_DATABASE_URL`, and restore a backup.',
  })

/** Refuses a change whose row is not kept any more, so that it cannot be copied. @throws FfError `rows_would_be_lost` */
export function requireImage({ record, rows }: CopiedChange): void {
  const changesRow =
    record.outcome === 'applied' &&
    record.action !== 'audit.boundary' &&
    parseAuditTarget(record.target) !== null
  if (!changesRow || rows.length > 0) return
  throw new FfError(
    'rows_would_be_lost',
    `The change log does not keep the row of the audit record ${record.seq} of ${record.target}.`,
    { hint: 'Fill the other side anew: `ff cutover status` names the command.' },
  )
}

/**
 * Appends changes behind the head that the caller's transaction has locked, as they are: records, rows with their image
 * and name, and rows of the feed.
 *
 * @throws FfError `chains_forked` for a change that does not follow; the driver's error, unmapped
 */
export async function appendChanges(
  client: Client,
  { statements, cutover }: { readonly statements: Statements; readonly cutover: CutoverStatements },
  { after, changes }: { readonly after: AuditChainHead; readonly changes: readonly CopiedChange[] },
): Promise<void> {
  let head = after
  for (const { record } of changes) {
    requireNext(head, record)
    head = record
  }
  const sent = changes.flatMap<Promise<unknown>>((change) => [
    ...listRowStatements(statements, change).map((query) => client.query(query)),
    insertRecord(client, statements, change.record),
  ])
  const moved = preparedStatement('ff_move_head_over', cutover.moveHead, [
    head.seq,
    head.hash,
    after.seq,
  ])
  await Promise.all([...sent, client.query(moved)])
}

/** @throws FfError `chains_forked` where the record does not follow the head, or has another hash than its content */
export function requireNext(head: AuditChainHead, record: AuditRecord): void {
  if (continuesChain(head, record)) return
  throw new FfError(
    'chains_forked',
    `The audit record ${record.seq} does not follow the record ${head.seq} of the other side.`,
    { hint: 'Compare both sides: `ff cutover reconcile --dry-run`.' },
  )
}

/** The statements that write the rows of a change, and what the feed says of it. */
function listRowStatements(
  { mirror, insertFeed }: Statements,
  { record, name, rows }: CopiedChange,
): ReturnType<typeof preparedStatement>[] {
  const { seq, target } = record
  const kind = findAnnouncedKind(record)
  const announced =
    kind === null ? [] : [preparedStatement('ff_insert_feed', insertFeed, [seq, kind, target])]
  return [
    ...rows.map(({ table, row }) =>
      preparedStatement(`ff_mirror_${table}`, mirror[table], [
        `[${serializeRow(row)}]`,
        seq,
        target,
        ...listNameColumns(name),
      ]),
    ),
    ...announced,
  ]
}

/** What an announcement is of; null for any other record. */
function findAnnouncedKind({ action, outcome, after }: AuditRecord): ChangeKind | null {
  if (action !== 'audit.boundary' || outcome !== 'applied' || after === null) return null
  return (JSON.parse(after) as { readonly announced?: ChangeKind }).announced ?? null
}
