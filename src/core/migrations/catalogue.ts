/**
 * The objects of a schema, each with its definition: `table audit, column seq` -> `bigint NOT NULL`. The contract and a
 * live database are both brought into this form, so that every drift is a differing entry.
 */
export type Catalogue = ReadonlyMap<string, string>

export interface Drift {
  readonly object: string
  readonly code: 'object_missing' | 'object_unexpected' | 'object_differs'
  readonly expected: string | null
  readonly found: string | null
}

/**
 * Lists the objects whose definition is missing, unexpected or different in a live database, sorted by object name;
 * empty where the two catalogues agree.
 */
export function findDrift(expected: Catalogue, found: Catalogue): readonly Drift[] {
  const objects = [...new Set([...expected.keys(), ...found.keys()])].sort()
  return objects.flatMap((object): Drift[] => {
    const [want, have] = [expected.get(object) ?? null, found.get(object) ?? null]
    if (want === have) return []
    const code =
      have === null ? 'object_missing' : want === null ? 'object_unexpected' : 'object_differs'
    return [{ object, code, expected: want, found: have }]
  })
}

/** The part of `contracts/persistence_schema.json` that describes the objects of a database. */
export interface SchemaContract {
  /** Privileges of each role on the schema itself. */
  readonly schema: { readonly grants: Grants }
  readonly domains: Readonly<
    Record<string, { readonly type: string; readonly checks: Readonly<Record<string, string>> }>
  >
  readonly functions: Readonly<Record<string, { readonly source_sha256: string }>>
  readonly tables: Readonly<Record<string, TableContract>>
}
/** Privileges by role, as `SELECT` or, for one column, `UPDATE(sink_status)`. */
type Grants = Readonly<Record<string, readonly string[]>>
export interface TableContract {
  readonly columns: Readonly<
    Record<string, { readonly type: string; readonly nullable: boolean; readonly default?: string }>
  >
  readonly constraints: Readonly<Record<string, string>>
  readonly indexes: Readonly<Record<string, string>>
  readonly triggers: Readonly<Record<string, string>>
  readonly grants: Grants
}

/**
 * Converts the contract to catalogue form: one entry for each domain, check, function (by its source's SHA-256), table,
 * column, constraint, index and trigger, and for the grants on the schema and on each table.
 *
 * @param roles the roles of the server; grants to other roles are left out
 */
export function buildCatalogue(contract: SchemaContract, roles: ReadonlySet<string>): Catalogue {
  const lines: [string, string][] = [...buildGrantLines('schema', contract.schema.grants, roles)]
  for (const [name, { type, checks }] of Object.entries(contract.domains)) {
    lines.push([`domain ${name}`, type])
    for (const [check, definition] of Object.entries(checks))
      lines.push([`domain ${name}, check ${check}`, definition])
  }
  for (const [name, { source_sha256 }] of Object.entries(contract.functions)) {
    lines.push([`function ${name}`, source_sha256])
  }
  for (const [name, table] of Object.entries(contract.tables))
    lines.push(...buildTableLines(name, table, roles))
  return new Map(lines)
}

function buildTableLines(
  name: string,
  table: TableContract,
  roles: ReadonlySet<string>,
): readonly [string, string][] {
  const columns = Object.entries(table.columns).map(
    ([column, { type, nullable, default: value }]): [string, string] => [
      `table ${name}, column ${column}`,
      formatColumn(type, nullable, value ?? null),
    ],
  )
  const objects = (['constraints', 'indexes', 'triggers'] as const).flatMap((kind) =>
    Object.entries(table[kind]).map(([object, definition]): [string, string] => [
      `table ${name}, ${SINGULAR[kind]} ${object}`,
      definition,
    ]),
  )
  const grants = buildGrantLines(`table ${name}`, table.grants, roles)
  return [[`table ${name}`, 'table'], ...columns, ...objects, ...grants]
}

const SINGULAR = { constraints: 'constraint', indexes: 'index', triggers: 'trigger' } as const

/**
 * The catalogue's definition of a column, such as `bigint NOT NULL DEFAULT 0`.
 *
 * @param value the default's SQL; null for none
 */
export const formatColumn = (type: string, nullable: boolean, value: string | null): string =>
  [type, ...(nullable ? [] : ['NOT NULL']), ...(value === null ? [] : [`DEFAULT ${value}`])].join(
    ' ',
  )

const buildGrantLines = (
  object: string,
  grants: Grants,
  roles: ReadonlySet<string>,
): readonly [string, string][] =>
  Object.entries(grants)
    .filter(([role]) => roles.has(role))
    .map(([role, privileges]) => [
      `${object}, grants to ${role}`,
      [...privileges].sort().join(', '),
    ])
