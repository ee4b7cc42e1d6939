import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import type { AuditOptions } from '../../ports/store.ts'
import type { ScratchDatabase } from '../../ports/database.ts'
import { tryAdvisoryLock } from './advisory-lock.ts'
import {
  requireSupportedVersion,
  buildClientConfig,
  type DatabaseConfig,
  MIGRATION_BOUNDS,
  openPool,
  type SupportedVersions,
  withClient,
  withSession,
} from './connect.ts'
import { planConnection } from './connection-url.ts'
import { driver } from './driver.ts'
import { fingerprintSchema } from './fingerprint.ts'
import { watchLocks } from './lock-watch.ts'
import { PostgresStore } from './postgres-store.ts'

const CONNECTIONS = 8

/**
 * Drops the databases of killed runs (their advisory locks are free), creates an empty one on the same server, runs
 * `use` with its name and the server's version, drops it, and returns the result. Advisory locks belong to one
 * database, so the name contains the oid of the database that holds its lock.
 * @throws FfError `server_version_unsupported`, `pooler_unsupported`, `rights_missing` if the role may not create
 * databases, or another of `mapPgError`, such as `target_unreachable`; what `use` throws
 */
export function withTemporaryDatabase<T>(
  database: DatabaseConfig,
  versions: SupportedVersions,
  use: (made: { readonly name: string; readonly server: string }) => Promise<T>,
): Promise<T> {
  return withSession(
    database,
    async (keeper) => {
      const server = await requireSupportedVersion(keeper, versions)
      const prefix = await readPrefix(keeper)
      await dropDeadDatabases(keeper, prefix)
      const name = `${prefix}${randomBytes(8).toString('hex')}`
      await tryAdvisoryLock(keeper, name)
      try {
        // CREATE DATABASE fails while its template has connections; template0 accepts none.
        await keeper.query(`CREATE DATABASE ${name} TEMPLATE template0`)
        return await use({ name, server })
      } finally {
        await keeper.query(formatDrop(name))
      }
    },
    MIGRATION_BOUNDS,
  )
}

const formatDrop = (name: string): string => `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`

async function readPrefix(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ oid: string }>(
    'SELECT oid FROM pg_database WHERE datname = current_database()',
  )
  return `ff_scratch_${rows[0]?.oid}_`
}

async function dropDeadDatabases(client: pg.Client, prefix: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database WHERE datname ~ $1 AND pg_has_role(datdba, 'USAGE')`,
    [`^${prefix}[0-9a-f]{16}$`],
  )
  for (const { name } of rows) {
    if (!(await tryAdvisoryLock(client, name))) continue
    await client.query(formatDrop(name))
    await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [name])
  }
}

/**
 * Builds the operations on a scratch database, and the PG variables by which PostgreSQL's programs reach it; connects
 * to nothing itself. Each operation opens connections of its own and rejects with an FfError of `mapPgError`; the
 * caller closes the store of `openStore` and ends `watchLocks`.
 * @throws FfError `target_invalid` for a connection string that cannot be used
 */
export function openScratchDatabase(
  database: DatabaseConfig,
  { schema, tools }: { readonly schema: string; readonly tools: AuditOptions },
): Omit<ScratchDatabase, 'target' | 'server'> {
  const { name } = database
  return {
    environment: libpqEnvironment(database),
    run: (sql) =>
      withClient(database, async (client) => void (await client.query(sql)), MIGRATION_BOUNDS),
    openStore: () => new PostgresStore(openPool(database, CONNECTIONS), schema, { name, tools }),
    watchLocks: () => watchLocks(database),
    fingerprint: () => fingerprintSchema(database, schema),
    files: () => withClient(database, (client) => readFiles(client, schema)),
  }
}

/** Environment for PostgreSQL's programs: every user of the machine can read a program's arguments. */
function libpqEnvironment(database: DatabaseConfig): Readonly<Record<string, string>> {
  const { hosts, config } = planConnection(buildClientConfig(database), process.env)
  const [first] = hosts.flat()
  const at = { ...config, ...first, ssl: false }
  const { host, port, user, database: name, password } = new driver.Client(at as pg.ClientConfig)
  const entries = Object.entries({
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: name,
    PGPASSWORD: typeof password === 'string' ? password : undefined,
  })
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

async function readFiles(client: pg.Client, schema: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ name: string; oid: string; file: string }>(
    `SELECT relname AS name, oid, relfilenode AS file FROM pg_class
     WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'`,
    [schema],
  )
  return new Map(rows.map(({ name, oid, file }) => [`${name} (${oid})`, file]))
}
