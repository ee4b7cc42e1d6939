import type pg from 'pg'
import type { SchemaContract } from '../../core/migrations/catalogue.ts'

/** The role of the contract that owns the schema. */
export const OWNER = 'ff_owner'

export interface EnsuredRoles {
  readonly existing: ReadonlySet<string>
  /** SQL for the database's administrator: roles that this session may not create. */
  readonly missing: readonly string[]
  /** Whether the session may act as `OWNER`. */
  readonly ownerUsable: boolean
}

/**
 * Creates the absent ones of these roles, without login, if the session may create roles, otherwise returns the SQL
 * for them in `missing`, which is empty where nothing is absent; `existing` is as of the end, and `ownerUsable` says
 * whether the session may act as the owner's role. A session that creates that role and is no superuser also becomes
 * its member.
 * @throws the driver's error, unmapped
 */
export async function ensureRoles(
  client: pg.Client,
  names: readonly string[],
): Promise<EnsuredRoles> {
  const before = await listExistingRoles(client, names)
  const absent = names.filter((name) => !before.has(name))
  const { rows } = await client.query<{ may: string; super: string; version: string }>(
    `SELECT (rolsuper OR rolcreaterole)::text AS may, rolsuper::text AS super,
       current_setting('server_version_num') AS version FROM pg_roles WHERE rolname = current_user`,
  )
  const [session] = rows
  const may = session?.may === 'true'
  for (const name of may ? absent : []) {
    await createRole(client, name)
    // From PostgreSQL 16 on, a role that creates another may grant it, but cannot act as it without a grant.
    if (name === OWNER && session?.super !== 'true')
      await client.query(`GRANT "${name}" TO CURRENT_USER`)
  }
  const existing = await listExistingRoles(client, names)
  const missing = may ? [] : absent.map((name) => `CREATE ROLE ${name} NOLOGIN;`)
  return {
    existing,
    missing,
    ownerUsable: existing.has(OWNER) && (await mayActAs(client, OWNER, session?.version)),
  }
}

/** Roles belong to the whole server: a migration of another database may create the same one at this moment. */
async function createRole(client: pg.Client, name: string): Promise<void> {
  try {
    await client.query(`CREATE ROLE "${name}" NOLOGIN`)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code !== '42710' && code !== '23505') throw error // Duplicate: the role exists now.
  }
}

/** Returns the names of those of the roles that exist on the server. @throws the driver's error, unmapped */
export async function listExistingRoles(
  client: pg.Client,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT rolname AS name FROM pg_roles WHERE rolname = ANY ($1)',
    [names],
  )
  return new Set(rows.map(({ name }) => name))
}

/** PostgreSQL 16 split the right to act as a role (SET) from membership. */
async function mayActAs(client: pg.Client, role: string, version = '0'): Promise<boolean> {
  const privilege = Number(version) >= 160_000 ? 'SET' : 'MEMBER'
  const { rows } = await client.query<{ may: string }>(
    'SELECT pg_has_role(current_user, $1, $2)::text AS may',
    [role, privilege],
  )
  return rows[0]?.may === 'true'
}

/** What there is to grant on, and to whom; a column as `table.column`. */
interface ExistingObjects {
  readonly roles: ReadonlySet<string>
  readonly tables: ReadonlySet<string>
  readonly columns: ReadonlySet<string>
}

/**
 * Builds the contract's grants as one GRANT a role and object (the schema, then its tables), for those of its roles,
 * tables and columns that exist; empty where none of its roles does. Runs none.
 */
export function buildGrantStatements(
  schema: string,
  contract: SchemaContract,
  existing: ExistingObjects,
): readonly string[] {
  const grants = (
    byRole: Readonly<Record<string, readonly string[]>>,
    object: string,
    isGranted: (privilege: string) => boolean = () => true,
  ): readonly string[] =>
    Object.entries(byRole)
      .filter(([role]) => existing.roles.has(role))
      .map(([role, privileges]) => {
        const granted = privileges.filter(isGranted).join(', ')
        return `GRANT ${granted} ON ${object} TO "${role}"`
      })
  // A privilege on a column, such as `UPDATE(sink_at)`, may be on one that a later migration adds.
  const hasColumn =
    (table: string) =>
    (privilege: string): boolean => {
      const [, column] = /\((.*)\)$/.exec(privilege) ?? []
      return column === undefined || existing.columns.has(`${table}.${column}`)
    }
  const tables = Object.entries(contract.tables).filter(([table]) => existing.tables.has(table))
  return [
    ...grants(contract.schema.grants, `SCHEMA "${schema}"`),
    ...tables.flatMap(([table, { grants: byRole }]) =>
      grants(byRole, `"${schema}".${table}`, hasColumn(table)),
    ),
  ]
}
