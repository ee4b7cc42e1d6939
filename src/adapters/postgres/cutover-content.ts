import { type AuditChainHead, EMPTY_HEAD } from '../../core/audit/record.ts'
import {
  type AnyRow,
  formatRowKey,
  type RowKey,
  type TableName,
  TABLE_NAMES,
} from '../../core/rows/rows.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { CopiedChange, SideContent } from '../../ports/cutover.ts'
import type { KeyedRow } from '../../ports/store.ts'
import { parseAuditHead } from './append-audit.ts'
import type { Client } from './client.ts'
import { beginTransaction, connect, type DatabaseConfig } from './connect.ts'
import { readChanges } from './copied-changes.ts'
import { buildCutoverStatements } from './cutover-statements.ts'
import { mapPgErrors } from './pg-error.ts'
import { sendRead } from './read-pipe.ts'
import { RowReader } from './row-reader.ts'
import { buildStatements } from './statements.ts'

/** Rows and records in memory at a time. */
const BATCH = 1_000
/** Milliseconds: the other side is written between two batches. */
const BOUNDS = { idle_in_transaction_session_timeout: 600_000 } as const

type RowBatch = CopiedChange['rows']

/**
 * All rows and records in one snapshot, over a connection of its own. It is closed when both lists were read, or one of
 * them was left; the server closes it after 10 minutes of silence.
 *
 * @param connections holds it while it is open
 * @throws FfError of `mapPgError`; while the lists are read also `store_corrupt`
 */
export function readContent(
  database: DatabaseConfig,
  schema: string,
  connections: Set<Client>,
): Promise<SideContent> {
  const { name } = database
  return mapPgErrors(name, async () => {
    const client = await connect(database, BOUNDS)
    connections.add(client)
    const close = async (): Promise<void> => {
      connections.delete(client)
      await client.end()
    }
    try {
      await beginTransaction(client, 'ISOLATION LEVEL REPEATABLE READ READ ONLY')
      const head = parseAuditHead(await client.query(buildStatements(schema).head))
      let open = 2
      const closing = async function* <T>(list: AsyncGenerator<T>): AsyncGenerator<T> {
        let whole = false
        try {
          yield* list
          whole = true
        } finally {
          open -= whole ? 1 : open
          if (open === 0) await close()
        }
      }
      return {
        head,
        rows: closing(listRows(client, schema, name)),
        records: closing(listRecords(client, schema, { name, head })),
      }
    } catch (error) {
      await close()
      throw error
    }
  })
}

async function* listRows(client: Client, schema: string, name: string): AsyncGenerator<RowBatch> {
  const reader = new RowReader((query) => sendRead(client, query), schema, name)
  for (const table of TABLE_NAMES) {
    let after: RowKey | null = null
    for (;;) {
      const held: readonly KeyedRow[] = await reader.rows({ table, after, limit: BATCH })
      after = held.at(-1)?.key ?? null
      if (after === null) break
      yield held.map((one) => ({ table, row: requireRow(table, one) }))
    }
  }
}

function requireRow(table: TableName, { key, held }: KeyedRow): AnyRow {
  if (held.row !== undefined) return held.row
  throw new FfError(
    'store_corrupt',
    `The row ${quoteValue(formatRowKey(key).trim())} of ${table} breaks its schema.`,
    { hint: 'Correct it, or restore a backup: `ff migrate verify` checks the tables.' },
  )
}

async function* listRecords(
  client: Client,
  schema: string,
  { name, head }: { readonly name: string; readonly head: AuditChainHead },
): AsyncGenerator<readonly CopiedChange[]> {
  const statements = buildCutoverStatements(schema)
  let after: AuditChainHead = EMPTY_HEAD
  while (after.seq < head.seq) {
    const range = { after, limit: BATCH }
    const changes = await mapPgErrors(name, () => readChanges(client, statements, range))
    const last = changes?.at(-1)?.record
    if (changes === null || last === undefined)
      throw new FfError('store_corrupt', `The audit chain ends at ${after.seq}, before its head.`, {
        hint: 'Run `ff audit verify --database env:FF_DATABASE_URL`, and restore a backup.',
      })
    yield changes
    after = last
  }
}
