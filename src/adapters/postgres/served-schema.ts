import type pg from 'pg'
import type { Migration } from '../../core/migrations/plan.ts'
import { FfError } from '../../errors.ts'
import type { AuditOptions, OpenServiceStore } from '../../ports/store.ts'
import {
  requireSupportedVersion,
  type DatabaseConfig,
  openPool,
  type SupportedVersions,
  withClient,
} from './connect.ts'
import { SCHEMA } from './migration-session.ts'
import { PostgresStore } from './postgres-store.ts'
import { ReadPipe } from './read-pipe.ts'

/** Writers wait for one lock anyway; more connections would only wait for it in the server. */
const WRITERS = 4
const READERS = 4

export interface ServedSchemaOptions {
  readonly versions: SupportedVersions
  readonly migrations: readonly Migration[]
  readonly tools: AuditOptions
}

/**
 * The live schema as the service has it: by the service's own role, at the head that this code knows.
 *
 * @throws FfError as a connection does, `owner_refused`, `schema_drift`, and `store_empty` where what was imported is gone
 */
export async function openServedSchema(
  database: DatabaseConfig,
  { versions, migrations, tools }: ServedSchemaOptions,
): Promise<OpenServiceStore> {
  const server = await withClient(database, async (client) => {
    const found = await requireSupportedVersion(client, versions)
    await checkRole(client)
    await checkHead(client, migrations)
    await checkRows(client)
    return found
  })
  const pool = openPool(database, WRITERS)
  const readers = new ReadPipe(database, READERS)
  const store = new PostgresStore(pool, SCHEMA, { name: database.name, tools, readers })
  return {
    facts: { target: database.name, backing: 'db', server },
    store,
    close: () => store.close(),
  }
}

/** Whoever owns the schema could take the audit trail's guards away (page 5, three roles). */
async function checkRole(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ role: string; owns: string }>(
    `SELECT current_user AS role, (r.rolsuper OR pg_has_role(r.oid, n.nspowner, 'MEMBER'))::text AS owns
     FROM pg_namespace n, pg_roles r WHERE n.nspname = $1 AND r.rolname = current_user`,
    [SCHEMA],
  )
  const [found] = rows
  if (found === undefined) throw behind('nothing of it is there')
  if (found.owns === 'true')
    throw new FfError('owner_refused', `The role ${found.role} owns the schema ${SCHEMA}.`, {
      hint: 'Serve with a role that is a member of ff_app alone.',
    })
}

async function checkHead(client: pg.Client, migrations: readonly Migration[]): Promise<void> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `SELECT name, checksum FROM "${SCHEMA}".migration_ledger ORDER BY version`,
  )
  const applied = rows.map(({ name, checksum }) => `${name} ${checksum}`)
  const known = migrations.map(({ name, checksum }) => `${name} ${checksum}`)
  if (applied.join() !== known.join())
    throw behind(`its head is ${rows.at(-1)?.name ?? 'nothing'}, this code's is another`)
}
const behind = (what: string): FfError =>
  new FfError(
    'schema_drift',
    `The schema ${SCHEMA} is not the one that this code serves: ${what}.`,
    {
      hint: 'Run `ff migrate status`, then `ff migrate up`.',
    },
  )

async function checkRows(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ lost: string }>(
    `SELECT (NOT EXISTS (SELECT FROM "${SCHEMA}".flag_registry) AND EXISTS (SELECT FROM "${SCHEMA}".audit
       WHERE action = 'audit.boundary' AND target LIKE 'import/%'))::text AS lost`,
  )
  if (rows[0]?.lost !== 'true') return
  throw new FfError('store_empty', 'Rows were imported into this database, and it holds no flag.', {
    hint: 'Find out who took them away; `ff import` brings them back.',
  })
}
