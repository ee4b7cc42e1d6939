import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import copyStreams from 'pg-copy-streams'
import { type AuditChainHead, EMPTY_HEAD } from '../../core/audit/record.ts'
import { toColumnTexts } from '../../core/row-format/column-texts.ts'
import { serializeRow, type TableName, TABLE_NAMES } from '../../core/rows/rows.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { CopiedChange, SideContent } from '../../ports/cutover.ts'
import type { ColumnTexts } from '../../ports/rows.ts'
import { listNameColumns, lockHead } from './apply-write.ts'
import type { Client } from './client.ts'
import { formatColumnTypes, formatRowColumn, listColumnNames } from './columns.ts'
import { commit } from './commit.ts'
import { beginTransaction, type DatabaseConfig, withSession } from './connect.ts'
import { requireNext } from './copied-changes.ts'
import { RECORD_COLUMNS } from './record-column.ts'
import { toCopyChunks } from './rows/row-sink.ts'
import { buildStatements, listKeyColumns, type Statements } from './statements.ts'

/** Milliseconds: all rows are one transaction. */
const BOUNDS = { query_timeout: 610_000, statement_timeout: 600_000 } as const

const STAGED_CHANGES = 'ff_staged_changes'
const getStagingTable = (table: TableName): string => `ff_filled_${table}`

/**
 * Fills a database, as `CutoverDatabase.fill`; the session's role owns the schema, because the records of migrations
 * leave the append-only chain: what they say stays in the ledger. Rows of an import are replaced by those of the content,
 * and its record by the chain, which says how the rows came about.
 *
 * @throws FfError `rows_would_be_lost`, `chains_forked` for records that are no chain up to the content's head,
 * `outcome_unknown`, `rights_missing`, or another of `mapPgError`
 */
export function fillDatabase(
  database: DatabaseConfig,
  schema: string,
  content: SideContent,
): Promise<void> {
  const statements = buildStatements(schema)
  return withSession(
    database,
    async (client) => {
      await beginTransaction(client, 'ISOLATION LEVEL READ COMMITTED')
      try {
        await lockHead(client, statements)
        await requireCopyOnly(client, schema, database.name)
        await stage(client)
        await stageRows(client, content)
        await requireKept(client, schema, database.name)
        await empty(client, schema)
        await insertRows(client, schema)
        await copyRecords(client, schema, content)
        await endFill(client, schema, { statements, head: content.head })
        await commit(client, database.name)
      } catch (error) {
        // A lost connection has rolled back already; report the first error.
        await client.query('ROLLBACK').catch(() => undefined)
        throw error
      }
    },
    BOUNDS,
  )
}

/** A chain of migrations and imports says nothing of a change that was made here. @throws FfError `rows_would_be_lost` */
async function requireCopyOnly(client: Client, schema: string, name: string): Promise<void> {
  const { rows } = await client.query<{ target: string }>(
    `SELECT target FROM ONLY "${schema}".audit WHERE action <> 'audit.boundary'
       OR (target NOT LIKE 'migration/%' AND target NOT LIKE 'import/%') ORDER BY seq LIMIT 1`,
  )
  const [own] = rows
  if (own !== undefined)
    throw lossError(name, `an audit record of its own, of ${quoteValue(own.target)}`)
}

/** Each row is in the staged content, as it is or with a later revision. @throws FfError `rows_would_be_lost` */
async function requireKept(client: Client, schema: string, name: string): Promise<void> {
  for (const table of TABLE_NAMES) {
    const keys = listKeyColumns(table)
    const { rows } = await client.query<{ key: string }>(
      `SELECT concat_ws('/', ${keys.map((key) => `held.${key}`).join(', ')}) AS key
       FROM ONLY "${schema}".${table} held WHERE NOT EXISTS (SELECT FROM pg_temp.${getStagingTable(table)} kept
         WHERE ${keys.map((key) => `kept.${key} = held.${key}`).join(' AND ')}
         AND (kept.revision > held.revision OR ${formatImage(table, 'kept')} = ${formatImage(table, 'held')})) LIMIT 1`,
    )
    const [lost] = rows
    if (lost === undefined) continue
    const what = `a row of ${table} that the file lacks or has otherwise, ${quoteValue(lost.key)}`
    throw lossError(name, what)
  }
}
const formatImage = (table: TableName, alias: string): string =>
  `(${formatRowColumn(table, alias)})::text`

const lossError = (name: string, what: string): FfError =>
  new FfError('rows_would_be_lost', `The database ${name} holds ${what}, so it cannot be filled.`, {
    hint: 'Name a database that was only migrated: createdb, then `ff migrate up`.',
  })

/** Removes the rows and the chain that the content replaces, and what the feed says of them. */
async function empty(client: Client, schema: string): Promise<void> {
  for (const [table, trigger] of [
    ['audit', 'audit_rows_stay'],
    ['feed', 'feed_rows_stay'],
  ] as const) {
    await client.query(`ALTER TABLE "${schema}".${table} DISABLE TRIGGER ${trigger}`)
    await client.query(`DELETE FROM ONLY "${schema}".${table}`)
    await client.query(`ALTER TABLE "${schema}".${table} ENABLE TRIGGER ${trigger}`)
  }
  // An override refers to its flag.
  for (const table of TABLE_NAMES.toReversed())
    await client.query(`DELETE FROM ONLY "${schema}".${table}`)
}

/** Staging tables, because a side lists its rows in any order, and an override refers to its flag. */
async function stage(client: Client): Promise<void> {
  for (const table of TABLE_NAMES)
    await client.query(
      `CREATE TEMP TABLE ${getStagingTable(table)} (${formatColumnTypes(table)}) ON COMMIT DROP`,
    )
  await client.query(
    `CREATE TEMP TABLE ${STAGED_CHANGES} (seq bigint, target text, table_name text, content jsonb,
       op_id text, request_digest text) ON COMMIT DROP`,
  )
}

async function stageRows(client: Client, { rows }: SideContent): Promise<void> {
  for await (const batch of rows) {
    for (const table of TABLE_NAMES) {
      const texts = batch.flatMap((one) =>
        one.table === table ? [toColumnTexts(table, one.row)] : [],
      )
      const columns = listColumnNames(table).join(', ')
      await copy(client, `pg_temp.${getStagingTable(table)} (${columns})`, texts)
    }
  }
}

async function insertRows(client: Client, schema: string): Promise<void> {
  for (const table of TABLE_NAMES) {
    const columns = listColumnNames(table).join(', ')
    await client.query(
      `INSERT INTO "${schema}".${table} (${columns}) SELECT ${columns} FROM pg_temp.${getStagingTable(table)}`,
    )
  }
}

async function copyRecords(client: Client, schema: string, content: SideContent): Promise<void> {
  let head: AuditChainHead = EMPTY_HEAD
  for await (const batch of content.records) {
    for (const { record } of batch) {
      requireNext(head, record)
      head = record
    }
    const records = batch.map(({ record }) => RECORD_COLUMNS.map((name) => toText(record[name])))
    await copy(client, `"${schema}".audit (${RECORD_COLUMNS.join(', ')})`, records)
    await copy(client, `pg_temp.${STAGED_CHANGES}`, batch.flatMap(listStagedChanges))
  }
  if (head.seq !== content.head.seq || head.hash !== content.head.hash)
    throw new FfError(
      'chains_forked',
      `The audit records of the content end at ${head.seq}, and its head is ${content.head.seq}.`,
      { hint: 'Check the chain of the file: `ff audit verify`.' },
    )
  for (const table of TABLE_NAMES)
    await client.query(
      `INSERT INTO "${schema}".change_log (seq, target, revision, image, op_id, request_digest)
       SELECT s.seq, s.target, r.revision, ${formatRowColumn(table, 'r')}, s.op_id, s.request_digest
       FROM pg_temp.${STAGED_CHANGES} s, jsonb_to_record(s.content) AS r(${formatColumnTypes(table)})
       WHERE s.table_name = '${table}'`,
    )
}

const toText = (value: string | number | null): string | null =>
  value === null ? null : String(value)

const listStagedChanges = ({ record, name, rows }: CopiedChange): ColumnTexts[] =>
  rows.map(({ table, row }) => [
    String(record.seq),
    record.target,
    table,
    serializeRow(row),
    ...listNameColumns(name),
  ])

async function endFill(
  client: Client,
  schema: string,
  { statements, head }: { readonly statements: Statements; readonly head: AuditChainHead },
): Promise<void> {
  const { seq, hash } = head
  await client.query(`UPDATE ONLY "${schema}".audit_head SET seq = $1, hash = $2`, [seq, hash])
  // Any row may be another one now.
  if (seq > 0) await client.query(statements.insertFeed, [seq, 'global', 'cutover/fill'])
}

async function copy(client: Client, into: string, rows: readonly ColumnTexts[]): Promise<void> {
  if (rows.length === 0) return
  const stream = client.query(copyStreams.from(`COPY ${into} FROM STDIN`))
  await pipeline(Readable.from(toCopyChunks(rows)), stream)
}
