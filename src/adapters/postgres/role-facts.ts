import type pg from 'pg'
import { FfError } from '../../errors.ts'
import type { RoleFacts } from '../../ports/database.ts'
import {
  requireSupportedVersion,
  type DatabaseConfig,
  type SupportedVersions,
  withReading,
} from './connect.ts'

/**
 * Lists SQL statements that the service's role must not be able to run, as texts; runs none. They are for EXPLAIN, for
 * which the server checks privileges as for a real run but changes nothing.
 *
 * @param schema inserted without quotes
 */
export const listForbiddenWrites = (schema: string): readonly string[] => [
  `UPDATE ${schema}.audit SET actor = actor`,
  `UPDATE ${schema}.audit SET hash = hash`,
  `INSERT INTO ${schema}.audit (seq, sink_status) VALUES (0, 'delivered')`,
  `DELETE FROM ${schema}.audit`,
  `DELETE FROM ${schema}.audit_head`,
  `INSERT INTO ${schema}.audit_head (seq, hash) VALUES (0, repeat('0', 64))`,
  `UPDATE ${schema}.feed SET prev = prev`,
  `DELETE FROM ${schema}.feed`,
  `UPDATE ${schema}.change_log SET image = image`,
  `DELETE FROM ${schema}.change_log`,
  `DELETE FROM ${schema}.flag_registry`,
  `DELETE FROM ${schema}.tenant_override`,
  `DELETE FROM ${schema}.user_override`,
  `INSERT INTO ${schema}.migration_ledger (version, name, checksum) VALUES (0, '', '')`,
  `UPDATE ${schema}.migration_ledger SET checksum = checksum`,
  `DELETE FROM ${schema}.migration_ledger`,
  `INSERT INTO ${schema}.place (id, environment) VALUES ('', '')`,
  `UPDATE ${schema}.place SET id = id`,
  `DELETE FROM ${schema}.place`,
  `DELETE FROM ${schema}.phase`,
  `DELETE FROM ${schema}.cutover_mirror`,
  `UPDATE ${schema}.ship_slots SET owner = owner`,
]

/** Privileges to change the schema are looked up, not tried: on a live database not even in a transaction that rolls back. */
const PRIVILEGES = `
  SELECT 'TRUNCATE ' || relname, has_table_privilege(oid, 'TRUNCATE') FROM tables
  UNION ALL SELECT 'ALTER or DROP TABLE ' || relname, pg_has_role(relowner, 'MEMBER') FROM tables
  UNION ALL SELECT 'CREATE TRIGGER ON ' || relname, has_table_privilege(oid, 'TRIGGER') FROM tables
  UNION ALL SELECT 'UPDATE of any column of ' || relname, has_any_column_privilege(oid, 'UPDATE')
    FROM tables WHERE relname IN ('audit', 'feed', 'change_log')
  UNION ALL SELECT 'CREATE TABLE', has_schema_privilege($1::text, 'CREATE')
  UNION ALL SELECT 'DROP SCHEMA', pg_has_role(nspowner, 'MEMBER') FROM pg_namespace WHERE nspname = $1::text
  UNION ALL SELECT 'CREATE SCHEMA', has_database_privilege(current_database(), 'CREATE')
  UNION ALL SELECT 'being a superuser', rolsuper FROM pg_roles WHERE rolname = current_user
  UNION ALL SELECT 'CREATE ROLE', rolcreaterole FROM pg_roles WHERE rolname = current_user`
const TIMEOUTS = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
/**
 * The database with sessions that set no timeout on the server, for the control of B4; the client's own limits stay.
 * Connects to nothing.
 */
export const withoutTimeouts = (database: DatabaseConfig): DatabaseConfig => ({
  ...database,
  bounds: { statement_timeout: 0, lock_timeout: 0, idle_in_transaction_session_timeout: 0 },
})
const MAX_CONNECTIONS = `SELECT least(current_setting('max_connections')::int, NULLIF(r.rolconnlimit, -1),
    NULLIF(d.datconnlimit, -1))::text AS most
  FROM pg_roles r, pg_database d WHERE r.rolname = session_user AND d.datname = current_database()`
const REFUSED = '42501'

/**
 * Connects, and reads the session's role, whether it may do each forbidden action (by its privileges and by EXPLAIN,
 * running none), its timeouts (as settings, `0` for none), its limit of connections (the least of server, database and
 * role) and the server's version, in one read-only transaction.
 * @throws FfError `rights_missing` if the role cannot read flags, so that it is not the service's;
 * `server_version_unsupported`, `target_unreachable` if the schema is missing, or another of `mapPgError`
 */
export function readRoleFacts(
  database: DatabaseConfig,
  schema: string,
  versions: SupportedVersions,
): Promise<RoleFacts> {
  return withReading(database, async (client) => {
    const server = await requireSupportedVersion(client, versions)
    const { rows: roles } = await client.query<{ role: string; reads: string }>(
      `SELECT current_user AS role, (has_schema_privilege($1::text, 'USAGE')
         AND has_table_privilege($1::text || '.flag_registry', 'SELECT'))::text AS reads`,
      [schema],
    )
    const { role = '', reads } = roles[0] ?? {}
    if (reads !== 'true') throw wrongRoleError(role)
    const { rows: limits } = await client.query<{ most: string }>(MAX_CONNECTIONS)
    return {
      server,
      role,
      forbidden: [
        ...(await readPrivileges(client, schema)),
        ...(await tryForbiddenWrites(client, schema)),
      ],
      timeouts: await readTimeouts(client),
      max_connections: Number(limits[0]?.most),
    }
  })
}

const wrongRoleError = (role: string): FfError =>
  new FfError('rights_missing', `The role ${role} cannot read flags, so it is not the service's.`, {
    hint: `Connect as the role of the service. If it is this one, run GRANT ff_app TO "${role}".`,
  })

async function readPrivileges(client: pg.Client, schema: string): Promise<RoleFacts['forbidden']> {
  const { rows } = await client.query<{ what: string; allowed: string }>(
    `WITH tables AS (SELECT oid, relname, relowner FROM pg_class
       WHERE relnamespace = to_regnamespace($1::text) AND relkind = 'r')
     SELECT what, allowed::text FROM (${PRIVILEGES}) q (what, allowed)`,
    [schema],
  )
  return rows.map(({ what, allowed }) => ({ what, allowed: allowed === 'true' }))
}

async function tryForbiddenWrites(
  client: pg.Client,
  schema: string,
): Promise<RoleFacts['forbidden']> {
  const attempts: { what: string; allowed: boolean }[] = []
  for (const what of listForbiddenWrites(schema)) {
    await client.query('SAVEPOINT attempt')
    attempts.push({ what, allowed: await isAllowed(client, what) })
    await client.query('ROLLBACK TO attempt')
  }
  return attempts
}

async function isAllowed(client: pg.Client, statement: string): Promise<boolean> {
  try {
    await client.query(`EXPLAIN ${statement}`)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === REFUSED) return false
    throw error
  }
}

async function readTimeouts(client: pg.Client): Promise<RoleFacts['timeouts']> {
  const found = new Map<string, string>()
  for (const name of TIMEOUTS) {
    const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [
      name,
    ])
    found.set(name, rows[0]?.value ?? '0')
  }
  return found
}
