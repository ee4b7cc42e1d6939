import type pg from 'pg'
import type { SchemaContract } from '../../core/migrations/catalogue.ts'
import type { MigrationSession } from '../../ports/migrations.ts'
import { withAdvisoryLock } from './advisory-lock.ts'
import {
  requireSupportedVersion,
  type DatabaseConfig,
  MIGRATION_BOUNDS,
  type SupportedVersions,
  withReading,
  withSession,
} from './connect.ts'
import { introspect } from './introspect.ts'
import { LOCK_WAITS, type LockWaits, Migrator } from './migrator.ts'
import { readAttempt } from './phase-record.ts'
import { readPlace, refuseOtherPlace } from './place.ts'
import { ensureRoles, listExistingRoles, buildGrantStatements, OWNER } from './roles.ts'

/** The name of the live schema; scratch schemas have other names. */
export const SCHEMA = 'ff'

export interface SessionOptions {
  readonly versions: SupportedVersions
  readonly contract: SchemaContract
  readonly roles: readonly string[]
  /** Default `LOCK_WAITS`; only tests set shorter ones. */
  readonly waits?: LockWaits
}

/**
 * Connects, runs `use` with a migration session on the schema `ff`, disconnects, and returns its result. With `locked`
 * it waits up to 10 s for the migration lock and may write; without, all of it is one read-only transaction.
 * @throws FfError `server_version_unsupported`, `migration_locked` while another session holds the lock, with `locked`
 * also `pooler_unsupported` behind a pooler, or another of `mapPgError`, such as `target_unreachable`; the error of
 * `use`
 */
export function withMigrationSession<T>(
  database: DatabaseConfig,
  { locked, ...needs }: SessionOptions & { readonly locked: boolean },
  use: (session: MigrationSession) => Promise<T>,
): Promise<T> {
  const run = locked ? withSession : withReading
  return run(
    database,
    async (client) => {
      await requireSupportedVersion(client, needs.versions)
      const session = makeSession(client, database.name, needs)
      if (!locked) return use(session)
      const busy = ['migration_locked', 'migration'] as const
      const { migrationMs: waitMs } = needs.waits ?? LOCK_WAITS
      const lock = { name: `ff migrate ${SCHEMA}`, waitMs, busy }
      return withAdvisoryLock(client, lock, () => use(session))
    },
    MIGRATION_BOUNDS,
  )
}

function makeSession(
  client: pg.Client,
  name: string,
  { contract, roles, waits = LOCK_WAITS }: SessionOptions,
): MigrationSession {
  const openMigrator = async (): Promise<Migrator> =>
    new Migrator(client, SCHEMA, { name, owner: await findOtherOwner(client), waits })
  return {
    applied: async () => (await openMigrator()).applied(),
    prepare: async () => {
      const { missing, ownerUsable } = await ensureRoles(client, roles)
      // CREATE SCHEMA IF NOT EXISTS needs the CREATE privilege even if the schema exists, so check first.
      const found = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [SCHEMA])
      if (found.rowCount === 0) {
        await client.query(
          `CREATE SCHEMA "${SCHEMA}"${ownerUsable ? ` AUTHORIZATION "${OWNER}"` : ''}`,
        )
      }
      await (await openMigrator()).prepare()
      return missing
    },
    claimPlace: async (claim) => (await openMigrator()).claimPlace(claim),
    requirePlace: async (environment) => {
      const place = await readPlace(client, SCHEMA)
      if (place !== null) refuseOtherPlace(place, environment, name)
    },
    apply: async (migration, direction) => (await openMigrator()).apply(migration, direction),
    grant: async () => {
      const existing = {
        roles: await listExistingRoles(client, roles),
        tables: await listExistingTables(client),
        columns: await listExistingColumns(client),
      }
      const statements = buildGrantStatements(SCHEMA, contract, existing)
      await (
        await openMigrator()
      ).inSchema(async () => {
        for (const statement of statements) await client.query(statement)
      })
    },
    attempt: () => readAttempt(client, SCHEMA),
    catalogue: async () => {
      // The texts of definitions depend on search_path, which the next transaction sets for itself.
      await client.query(`SET search_path = "${SCHEMA}"`)
      const tables = await listExistingTables(client)
      const found = tables.size === 0 ? new Map<string, string>() : await introspect(client, SCHEMA)
      return { found, roles: await listExistingRoles(client, roles) }
    },
  }
}

/** Finds the schema's owner if it is another role and this session may act as it; otherwise null. */
async function findOtherOwner(client: pg.Client): Promise<string | null> {
  const { rows } = await client.query<{ owner: string }>(
    `SELECT r.rolname AS owner FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
     WHERE n.nspname = $1 AND r.rolname <> current_user AND pg_has_role(current_user, r.oid, 'MEMBER')`,
    [SCHEMA],
  )
  return rows[0]?.owner ?? null
}

async function listExistingTables(client: pg.Client): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1',
    [SCHEMA],
  )
  return new Set(rows.map(({ name }) => name))
}

/** Each as `table.column`. */
async function listExistingColumns(client: pg.Client): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname || '.' || a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped`,
    [SCHEMA],
  )
  return new Set(rows.map(({ name }) => name))
}
