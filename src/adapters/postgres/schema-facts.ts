import type pg from 'pg'
import { TABLE_NAMES } from '../../core/rows/rows.ts'
import type { SchemaFacts } from '../../ports/database.ts'
import {
  type DatabaseConfig,
  requireSupportedVersion,
  type SupportedVersions,
  withReading,
} from './connect.ts'
import { buildStatements } from './statements.ts'

/** From this size on, a query must not read a whole table; for a smaller table the planner may prefer to. */
const MANY_ROWS = 10_000
/** Parameters for each query: valid keys. The plan is the same whether rows have them or not. */
const PARAMETERS = {
  read: ['ff.any', 'any', 'any'],
  readMany: [['ff.any'], 'any', 'any'],
  page: ['ff.any', 1],
  standing: ['ff.any', 'any', 'any'],
  revision: ['flag/ff.any', 1],
  changes: [1, 1],
} as const

const CONSTRAINTS = `SELECT COALESCE(r.relname, t.typname) || '.' || c.conname, c.convalidated::text, c.contype::text,
    replace(pg_get_constraintdef(c.oid), ' NOT VALID', ''),
    EXISTS (SELECT FROM pg_trigger g WHERE g.tgconstraint = c.oid AND g.tgenabled <> 'O')::text
  FROM pg_constraint c LEFT JOIN pg_class r ON r.oid = c.conrelid LEFT JOIN pg_type t ON t.oid = c.contypid
  WHERE c.connamespace = $1::regnamespace`
const INDEXES = `SELECT i.relname, (x.indisvalid AND x.indisready AND x.indislive)::text,
    pg_get_indexdef(x.indexrelid, 1, true)
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE i.relnamespace = $1::regnamespace`
/** `O` fires on the origin, `A` always. */
const TRIGGERS = `SELECT r.relname || '.' || g.tgname, (g.tgenabled IN ('O', 'A'))::text
  FROM pg_trigger g JOIN pg_class r ON r.oid = g.tgrelid
  WHERE r.relnamespace = $1::regnamespace AND NOT g.tgisinternal`

/**
 * Connects, and reads which constraints, indexes, foreign keys and triggers of a schema are in force, and what the
 * plans of the store's queries read completely (`scans`, empty for none), in one read-only transaction. A table under
 * 10,000 rows counts only if it is read completely with sequential scans off, too.
 * @throws FfError `server_version_unsupported`, `target_unreachable` if the schema or a table is missing, or another
 * of `mapPgError`
 */
export function readSchemaFacts(
  database: DatabaseConfig,
  schema: string,
  versions: SupportedVersions,
): Promise<SchemaFacts> {
  return withReading(database, async (client) => {
    const server = await requireSupportedVersion(client, versions)
    await client.query(`SET LOCAL search_path = "${schema}"`)
    const select = async (text: string): Promise<readonly string[][]> =>
      (await client.query<string[]>({ text, values: [schema], rowMode: 'array' })).rows
    const constraints = await select(CONSTRAINTS)
    const indexes = await select(INDEXES)
    const triggers = await select(TRIGGERS)
    const leading = new Map(indexes.map(([name = '', , column = '']) => [name, column]))
    const findBroken = (rows: readonly string[][]): readonly string[] =>
      rows.filter(([, good]) => good !== 'true').map(([name = '']) => name)
    return {
      server,
      constraints: { seen: constraints.length, invalid: findBroken(constraints) },
      indexes: { seen: indexes.length, unusable: findBroken(indexes) },
      foreign_keys: new Map(
        constraints
          .filter(([, , type]) => type === 'f')
          .map(([name = '', , , text = '', off]) => [name, off === 'true' ? 'not enforced' : text]),
      ),
      triggers: new Map(triggers.map(([name = '', fires]) => [name, fires === 'true'])),
      queries: await readQueries(client, schema, leading),
    }
  })
}

async function readQueries(
  client: pg.Client,
  schema: string,
  leading: LeadingColumns,
): Promise<SchemaFacts['queries']> {
  const statements = buildStatements(schema)
  const large = await largeTables(client, schema)
  const found: { name: string; scans: readonly string[] }[] = []
  for (const [name, values] of Object.entries(PARAMETERS)) {
    const query = { text: statements[name as keyof typeof PARAMETERS], values }
    const asIs = findFullReads(await explainQuery(client, query), leading)
    await client.query('SET LOCAL enable_seqscan = off')
    const atBest = findFullReads(await explainQuery(client, query), leading)
    await client.query('SET LOCAL enable_seqscan = on')
    const scans = [...atBest, ...asIs.filter((one) => large.has(one))]
    found.push({ name, scans: [...new Set(scans)] })
  }
  return found
}

async function explainQuery(
  client: pg.Client,
  { text, values }: { readonly text: string; readonly values: readonly unknown[] },
): Promise<PlanNode> {
  const { rows } = await client.query<string[]>({
    text: `EXPLAIN (FORMAT JSON) ${text}`,
    values: [...values],
    rowMode: 'array',
  })
  const [explained] = JSON.parse(rows[0]?.[0] ?? '[]') as readonly { readonly Plan: PlanNode }[]
  if (explained === undefined) throw new Error('EXPLAIN returned no plan')
  return explained.Plan
}

async function largeTables(client: pg.Client, schema: string): Promise<ReadonlySet<string>> {
  const counts = TABLE_NAMES.map(
    (table) =>
      `SELECT '${table}' FROM (SELECT FROM ONLY "${schema}".${table} LIMIT ${MANY_ROWS}) q HAVING count(*) = ${MANY_ROWS}`,
  )
  const text = counts.join(' UNION ALL ')
  const { rows } = await client.query<string[]>({ text, rowMode: 'array' })
  return new Set(rows.map(([name = '']) => name))
}

/** The members of an `EXPLAIN (FORMAT JSON)` node that `findFullReads` uses. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly Filter?: string
  readonly Plans?: readonly PlanNode[]
}
/** The first column of each index, by the index's name. */
export type LeadingColumns = ReadonlyMap<string, string>

/**
 * Lists the names of tables and indexes that a plan and its subplans read completely; empty if there is none. An index
 * is read completely unless the condition is on its first column, or a limit takes its first entries.
 */
export function findFullReads(node: PlanNode, leading: LeadingColumns): readonly string[] {
  const below = (node.Plans ?? []).flatMap((one) =>
    isLimited(node, one) ? [] : findFullReads(one, leading),
  )
  const table = node['Relation Name']
  if (node['Node Type'].endsWith('Seq Scan') && table !== undefined) return [table, ...below]
  const index = node['Index Name']
  const column = index === undefined ? undefined : leading.get(index)
  // An index of a system catalogue is not the schema's.
  if (index === undefined || column === undefined) return below
  const used = new RegExp(`\\b${column}\\b`).test(node['Index Cond'] ?? '')
  return used ? below : [index, ...below]
}

/** PostgreSQL 17 and later read the last entry of an index (`max`) without a condition. */
const isLimited = (node: PlanNode, below: PlanNode): boolean =>
  node['Node Type'] === 'Limit' && below['Index Name'] !== undefined && below.Filter === undefined
