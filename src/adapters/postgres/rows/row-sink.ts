import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import copyStreams from 'pg-copy-streams'
import type { Migration } from '../../../core/migrations/plan.ts'
import { type TableName, TABLE_NAMES } from '../../../core/rows/rows.ts'
import type { ColumnTexts, RowSink } from '../../../ports/rows.ts'
import { withAdvisoryLock } from '../advisory-lock.ts'
import { appendBoundary } from '../boundary.ts'
import { listColumnNames, formatColumnTypes } from '../columns.ts'
import {
  requireSupportedVersion,
  type DatabaseConfig,
  type SupportedVersions,
  withSession,
} from '../connect.ts'
import { requireKnownMigrations } from '../known-migrations.ts'
import { mapPgErrors } from '../pg-error.ts'
import { requirePlainPhase } from '../phase-record.ts'
import { buildStatements } from '../statements.ts'

/** Milliseconds: one transaction merges thousands of rows and checks their constraints. */
const BOUNDS = { query_timeout: 610_000, statement_timeout: 600_000 } as const
/** Short, because another import may take an hour. */
const LOCK_WAIT_MS = 500
const PIECE_ROWS = 500

/**
 * Connects, runs `use` with the one import sink of a schema, over that connection with temporary staging tables,
 * disconnects, and returns its result.
 * @throws FfError `import_locked` (exit 24) while another import runs, after 500 ms; `server_version_unsupported`,
 * `migration_unknown` for the schema of a newer version and `migration_edited` for one of another text,
 * `phase_refused` during a cutover, `pooler_unsupported`, or another of `mapPgError`, such as `target_unreachable`; the
 * error of `use`
 */
export function withRowSink<T>(
  database: DatabaseConfig,
  {
    schema,
    versions,
    migrations,
  }: {
    readonly schema: string
    readonly versions: SupportedVersions
    readonly migrations: readonly Migration[]
  },
  use: (sink: RowSink) => Promise<T>,
): Promise<T> {
  return withSession(
    database,
    async (client) => {
      await requireSupportedVersion(client, versions)
      await requireKnownMigrations(client, schema, migrations)
      await requirePlainPhase(client, schema, database.name)
      const lock = {
        name: `ff import ${schema}`,
        waitMs: LOCK_WAIT_MS,
        busy: ['import_locked', 'import'],
      } as const
      return withAdvisoryLock(client, lock, async () => {
        // Base types without the domains: the merge into the real table checks the constraints.
        for (const table of TABLE_NAMES)
          await client.query(
            `CREATE TEMP TABLE ${getStagingTable(table)} (${formatColumnTypes(table)}) ON COMMIT DELETE ROWS`,
          )
        return use(new DatabaseSink(client, schema, database.name))
      })
    },
    BOUNDS,
  )
}

const getStagingTable = (table: TableName): string => `ff_staged_${table}`

class DatabaseSink implements RowSink {
  private readonly client: pg.Client
  private readonly schema: string
  private readonly name: string

  constructor(client: pg.Client, schema: string, name: string) {
    this.client = client
    this.schema = schema
    this.name = name
  }

  merge(
    table: TableName,
    rows: readonly ColumnTexts[],
  ): Promise<{ readonly inserted: number; readonly updated: number }> {
    return this.inTransaction(async () => {
      const staged = `pg_temp.${getStagingTable(table)}`
      const columns = listColumnNames(table).join(', ')
      const stream = this.client.query(copyStreams.from(`COPY ${staged} (${columns}) FROM STDIN`))
      await pipeline(Readable.from(toCopyChunks(rows)), stream)
      const { merge } = buildStatements(this.schema)
      const { rows: counted } = await this.client.query<{ all: string; fresh: string }>(
        merge[table](staged),
      )
      const [all, inserted] = [Number(counted[0]?.all), Number(counted[0]?.fresh)]
      return { inserted, updated: all - inserted }
    })
  }

  record(event: Parameters<RowSink['record']>[0]): Promise<void> {
    return this.inTransaction(async () => {
      const earlier = await this.client.query(
        `SELECT FROM ONLY "${this.schema}".audit WHERE target = $1 LIMIT 1`,
        [event.target],
      )
      if (earlier.rowCount !== 0) return
      const { seq, target } = await appendBoundary(this.client, this.schema, event)
      // Any row may be another one now.
      const { insertFeed } = buildStatements(this.schema)
      await this.client.query(insertFeed, [seq, 'global', target])
    })
  }

  private inTransaction<T>(work: () => Promise<T>): Promise<T> {
    return mapPgErrors(this.name, async () => {
      await this.client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
      try {
        await requirePlainPhase(this.client, this.schema, this.name)
        const result = await work()
        await this.client.query('COMMIT')
        return result
      } catch (error) {
        // A lost connection has rolled back already; report the first error.
        await this.client.query('ROLLBACK').catch(() => undefined)
        throw error
      }
    })
  }
}

/** Formats rows for COPY, text format (PostgreSQL manual): tabs between columns, special characters escaped. */
export function* toCopyChunks(rows: readonly ColumnTexts[]): Generator<string> {
  for (let at = 0; at < rows.length; at += PIECE_ROWS) {
    yield rows
      .slice(at, at + PIECE_ROWS)
      .map(formatCopyLine)
      .join('')
  }
}
const formatCopyLine = (row: ColumnTexts): string =>
  `${row.map((text) => (text === null ? '\\N' : escapeCopyText(text))).join('\t')}\n`
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
}
const escapeCopyText = (text: string): string =>
  /[\\\t\n\r]/.test(text) ? text.replace(/[\\\t\n\r]/g, (one) => ESCAPES[one] as string) : text
