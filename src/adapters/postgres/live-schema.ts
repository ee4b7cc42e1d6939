import { openAll } from '../../concurrency/open-all.ts'
import type { Migration } from '../../core/migrations/plan.ts'
import { type RowsByTable, TABLE_NAMES } from '../../core/rows/rows.ts'
import type { LiveStore } from '../../ports/store.ts'
import { refuseUnfitRow } from '../store-files/unfit-rows.ts'
import { parseRow } from './columns.ts'
import {
  requireSupportedVersion,
  type DatabaseConfig,
  type SupportedVersions,
  withReading,
} from './connect.ts'
import { requireKnownMigrations } from './known-migrations.ts'
import { SCHEMA } from './migration-session.ts'
import { mapPgErrors } from './pg-error.ts'
import { ReadPipe } from './read-pipe.ts'
import { RowReader } from './row-reader.ts'
import { buildStatements } from './statements.ts'
import { readStoreIdentity } from './store-identity.ts'

const READERS = 2

/**
 * Opens the live schema `ff` of a database for reading, over two read-only connections until `close`. `state` reads
 * all rows, each table in a snapshot of its own, and throws FfError `row_refused` if a row breaks its schema.
 * @throws FfError `server_version_unsupported`, `migration_unknown` or `migration_edited` for a schema of another
 * version of this program, `target_unreachable` if the schema or a table is missing, or another of `mapPgError`, such
 * as `rights_missing`
 */
export async function openLiveSchema(
  database: DatabaseConfig,
  {
    versions,
    migrations,
  }: { readonly versions: SupportedVersions; readonly migrations: readonly Migration[] },
): Promise<LiveStore> {
  const { server, identity } = await withReading(database, async (client) => {
    const found = await requireSupportedVersion(client, versions)
    await requireKnownMigrations(client, SCHEMA, migrations)
    return { server: found, identity: await readStoreIdentity(client, SCHEMA) }
  })
  const { value, close } = await openAll(async (keep) => {
    const opening = Promise.resolve(new ReadPipe(database, READERS))
    const pipe = await keep(opening, (one) => one.end())
    const store = new RowReader((query) => pipe.query(query), SCHEMA, database.name)
    // An empty read fails at once if the schema or a table is missing.
    await store.read({ flag_key: '', tenant_id: null, user_id: null })
    return { store, state: () => mapPgErrors(database.name, () => readAllRows(pipe)) }
  })
  return { facts: { target: database.name, backing: 'db', server }, identity, ...value, close }
}

async function readAllRows(pipe: ReadPipe): Promise<RowsByTable> {
  const { all } = buildStatements(SCHEMA)
  const tables = await Promise.all(
    TABLE_NAMES.map(async (table) => {
      const { rows } = await pipe.query({ text: all[table], rowMode: 'array' })
      return [
        table,
        rows.map(([text = '']) => parseRow(table, text)?.row ?? refuseUnfitRow(table)),
      ] as const
    }),
  )
  return Object.fromEntries(tables) as unknown as RowsByTable
}
