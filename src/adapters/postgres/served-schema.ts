import type pg from 'pg'
import type { Migration } from '../../core/migrations/plan.ts'
import { FfError } from '../../errors.ts'
import type { AuditOptions, OpenServiceStore } from '../../ports/store.ts'
import { requireWritable } from './connection-url.ts'
import {
  requireSupportedVersion,
  type DatabaseConfig,
  openPool,
  type SupportedVersions,
  withReading,
} from './connect.ts'
import { SCHEMA } from './migration-session.ts'
import { listenToFeed } from './feed-listener.ts'
import { requirePlainPhase } from './phase-record.ts'
import { readPlace, refuseOtherPlace } from './place.ts'
import { PostgresStore } from './postgres-store.ts'
import { requirePlainTables } from './plain-tables.ts'
import { type FindServer, ReadPipe } from './read-pipe.ts'

/** All writers wait for the row lock on the audit head, so more connections would not write faster. */
const WRITERS = 4
const READERS = 4
const CHECK_MS = 60_000

export interface ServedSchemaOptions {
  readonly versions: SupportedVersions
  readonly migrations: readonly Migration[]
  readonly tools: AuditOptions
  /** Milliseconds between two checks of the tables; default a minute, and only tests set another. */
  readonly checkEveryMs?: number
  /** FF_ENV of the service. */
  readonly environment: string
  /** Whether a database is refused whose phase record names another authority; default false. */
  readonly writesAlone?: boolean
  /** The server that reads have to come from; absent where any will do. */
  readonly findServer?: FindServer
}

/**
 * Opens the live schema `ff` for the service, after checking its role, its migrations, its place, its tables and its
 * rows; of several hosts, on the one that can be written. Writes nothing. Checks the tables every minute, and refuses
 * every call while they may hide a row; `close` ends the checks and closes every connection.
 * @throws FfError `owner_refused` for a superuser, the owner's role or a member of it; `schema_drift` if the schema is
 * missing, has no place or has other migrations than this version's; `place_refused` for a place of another
 * environment; `phase_refused` with `writesAlone` during a cutover; `store_empty` if rows were imported and no flag is left; `rights_missing` for row level security;
 * `target_unreachable` for a missing table, a view, a rule or inheritance; `target_invalid` for a URL that asks for a
 * read-only server; `server_version_unsupported`, or another of `mapPgError`
 */
export async function openServedSchema(
  given: DatabaseConfig,
  {
    versions,
    migrations,
    tools,
    environment,
    writesAlone,
    findServer,
    checkEveryMs = CHECK_MS,
  }: ServedSchemaOptions,
): Promise<OpenServiceStore> {
  const database = { ...given, config: requireWritable(given.config) }
  const server = await withReading(database, async (client) => {
    const found = await requireSupportedVersion(client, versions)
    await checkRole(client)
    await checkHead(client, migrations)
    await checkPlace(client, environment, database.name)
    await requirePlainTables(client, SCHEMA)
    await checkRows(client)
    if (writesAlone === true) await requirePlainPhase(client, SCHEMA, database.name)
    return found
  })
  const pool = openPool(database, WRITERS)
  const readers = new ReadPipe(database, READERS, findServer)
  const watch = watchTables(database, checkEveryMs)
  const { name } = database
  const store = new PostgresStore(pool, SCHEMA, { name, tools, readers, refusal: watch.refusal })
  return {
    facts: { target: database.name, backing: 'db', server },
    store,
    feed: {
      rows: (query) => store.feed.rows(query),
      changes: (query) => store.feed.changes(query),
      listen: (wake) => listenToFeed(database, wake),
    },
    snapshots: store.snapshots,
    backlog: () => store.sinkBacklog(),
    close: async () => {
      watch.end()
      await store.close()
    },
  }
}

/** Checks the tables again and again; `refusal` is what the last check that could be made found. */
function watchTables(
  database: DatabaseConfig,
  everyMs: number,
): { readonly refusal: () => FfError | null; readonly end: () => void } {
  let found: FfError | null = null
  let running = false
  const check = async (): Promise<void> => {
    if (running) return
    running = true
    try {
      await withReading(database, async (client) => {
        found = await requirePlainTables(client, SCHEMA).then(
          () => null,
          (error: unknown) => (error instanceof FfError ? error : found),
        )
      })
    } catch {
      // A store that is away is reported by the reads themselves.
    } finally {
      running = false
    }
  }
  const timer = setInterval(() => void check(), everyMs).unref()
  return { refusal: () => found, end: () => clearInterval(timer) }
}

/** The owner of the schema could drop the triggers that keep the audit table append-only, so the service must not be it. */
async function checkRole(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ role: string; owns: string }>(
    `SELECT current_user AS role, (r.rolsuper OR pg_has_role(r.oid, n.nspowner, 'MEMBER'))::text AS owns
     FROM pg_namespace n, pg_roles r WHERE n.nspname = $1 AND r.rolname = current_user`,
    [SCHEMA],
  )
  const [found] = rows
  if (found === undefined) throw behind('the schema does not exist')
  if (found.owns === 'true')
    throw new FfError(
      'owner_refused',
      `The role ${found.role} owns the schema ${SCHEMA}; the service must not.`,
      {
        hint: 'Serve with a role of its own: `CREATE ROLE ff_service LOGIN IN ROLE ff_app`.',
      },
    )
}

async function checkHead(client: pg.Client, migrations: readonly Migration[]): Promise<void> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `SELECT name, checksum FROM ONLY "${SCHEMA}".migration_ledger ORDER BY version`,
  )
  const applied = rows.map(({ name, checksum }) => `${name} ${checksum}`)
  const known = migrations.map(({ name, checksum }) => `${name} ${checksum}`)
  if (applied.join() !== known.join())
    throw behind(
      `its last migration is ${rows.at(-1)?.name ?? 'none'}, expected ${migrations.at(-1)?.name}`,
    )
}
async function checkPlace(client: pg.Client, environment: string, name: string): Promise<void> {
  const place = await readPlace(client, SCHEMA)
  if (place === null) throw behind('it has no place')
  refuseOtherPlace(place, environment, name)
}
const behind = (what: string): FfError =>
  new FfError(
    'schema_drift',
    `The schema ${SCHEMA} is not at the version that this program serves: ${what}.`,
    { hint: 'Run `ff migrate status`, then `ff migrate up`.' },
  )

async function checkRows(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ lost: string }>(
    `SELECT (NOT EXISTS (SELECT FROM ONLY "${SCHEMA}".flag_registry) AND EXISTS (SELECT FROM ONLY "${SCHEMA}".audit
       WHERE action = 'audit.boundary' AND target LIKE 'import/%'))::text AS lost`,
  )
  if (rows[0]?.lost !== 'true') return
  throw new FfError(
    'store_empty',
    `Rows were imported into ${client.database}, but it has no flag.`,
    {
      hint: 'List the changes with `ff audit tail`, then restore the rows with `ff import`.',
    },
  )
}
