import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { openAll } from '../../concurrency/open-all.ts'
import type { Migration } from '../../core/migrations/plan.ts'
import type { AuditOptions, ScratchServiceStore } from '../../ports/store.ts'
import { tryAdvisoryLock } from './advisory-lock.ts'
import {
  openSession,
  requireSupportedVersion,
  type DatabaseConfig,
  openPool,
  type SupportedVersions,
} from './connect.ts'
import { Migrator } from './migrator.ts'
import { mapPgErrors } from './pg-error.ts'
import { PostgresStore } from './postgres-store.ts'
import { ReadPipe } from './read-pipe.ts'

const CONNECTIONS = 8
const READERS = 2
const NAME = '^ff_scratch_[0-9a-f]{16}$'

export interface ScratchOptions {
  readonly migrations: readonly Migration[]
  readonly versions: SupportedVersions
  readonly tools: AuditOptions
}

/**
 * Opens a store in a new schema, created by the migrations of the live schema and dropped on `close`; its commits do
 * not wait for the disk. Drops the schemas of killed runs first: their advisory locks are free. Writes nothing outside
 * of such schemas.
 * @throws FfError `server_version_unsupported`, `pooler_unsupported`, `rights_missing` if the role may not create
 * schemas, or another of `mapPgError`, such as `target_unreachable`; `close` throws those of `mapPgError` too
 */
export async function openScratchSchema(
  database: DatabaseConfig,
  options: ScratchOptions,
): Promise<ScratchServiceStore> {
  const schema = `ff_scratch_${randomBytes(8).toString('hex')}`
  const { value, close } = await mapPgErrors(database.name, () =>
    openAll(async (keep) => {
      const { client: keeper } = await keep(openSession(database), (one) => one.end())
      const server = await requireSupportedVersion(keeper, options.versions)
      await dropDeadSchemas(keeper)
      await tryAdvisoryLock(keeper, schema)
      await keep(keeper.query(`CREATE SCHEMA "${schema}"`), () =>
        keeper.query(`DROP SCHEMA "${schema}" CASCADE`),
      )
      await migrate(new Migrator(keeper, schema, { name: database.name }), options.migrations)
      const pool = openPool(database, CONNECTIONS)
      const readers = new ReadPipe(database, READERS)
      const { tools } = options
      const settings = { name: database.name, tools, durable: false, readers }
      const store = await keep(Promise.resolve(new PostgresStore(pool, schema, settings)))
      const facts = { target: database.name, backing: 'db', server } as const
      return { facts, store }
    }),
  )
  return { ...value, close: () => mapPgErrors(database.name, close) }
}

async function migrate(migrator: Migrator, migrations: readonly Migration[]): Promise<void> {
  await migrator.prepare()
  for (const migration of migrations) await migrator.apply(migration, 'up')
}

/** Drops scratch schemas of dead runs that this role owns. */
async function dropDeadSchemas(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ schema: string }>(
    `SELECT nspname AS schema FROM pg_namespace WHERE nspname ~ $1 AND pg_has_role(nspowner, 'USAGE')`,
    [NAME],
  )
  for (const { schema } of rows) {
    if (!(await tryAdvisoryLock(client, schema))) continue
    await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`)
    await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [schema])
  }
}
