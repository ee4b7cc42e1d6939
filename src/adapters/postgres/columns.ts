import { isJsonArray, type JsonMember, parseLosslessJson } from '../../core/json/read.ts'
import { makeProblem } from '../../core/problem.ts'
import { decodeRow } from '../../core/rows/decode-row.ts'
import type { RowOf, RowOrBroken, TableName } from '../../core/rows/rows.ts'

/** The base type of a column; the contract's domains constrain it further. */
export type ColumnKind = 'text' | 'boolean' | 'bigint' | 'jsonb' | 'timestamptz'

const OVERRIDE = {
  flag_key: 'text',
  value: 'jsonb',
  approval_ref: 'text',
  note: 'text',
  expires_at: 'timestamptz',
  created_by: 'text',
  updated_by: 'text',
  revision: 'bigint',
  created_at: 'timestamptz',
  updated_at: 'timestamptz',
  deleted_at: 'timestamptz',
} as const
/** The members of each row (`contracts/schemas/*-row.schema.json`), each with the base type of its column. */
export const COLUMNS: { readonly [T in TableName]: Readonly<Record<keyof RowOf[T], ColumnKind>> } =
  {
    flag_registry: {
      flag_key: 'text',
      value_type: 'text',
      default_value: 'jsonb',
      safe_value: 'jsonb',
      sensitive: 'boolean',
      required_auth: 'text',
      state: 'text',
      description: 'text',
      owner: 'text',
      revision: 'bigint',
      created_at: 'timestamptz',
      updated_at: 'timestamptz',
    },
    tenant_override: { tenant_id: 'text', ...OVERRIDE },
    user_override: { user_id: 'text', ...OVERRIDE },
  }

const KINDS: Readonly<Record<TableName, readonly (readonly [string, ColumnKind])[]>> = {
  flag_registry: Object.entries(COLUMNS.flag_registry),
  tenant_override: Object.entries(COLUMNS.tenant_override),
  user_override: Object.entries(COLUMNS.user_override),
}
/** Lists the column names of a table in the order of `COLUMNS`. */
export const listColumnNames = (table: TableName): readonly string[] =>
  KINDS[table].map(([name]) => name)
/**
 * Formats `name type, name type` of a table, in the order of `COLUMNS`, for `jsonb_to_recordset(...) AS r(...)` and
 * CREATE TABLE.
 */
export const formatColumnTypes = (table: TableName): string =>
  KINDS[table].map(([name, kind]) => `${name} ${kind}`).join(', ')

/**
 * Formats an SQL expression for a row as one JSON list of its columns; null if an outer join found no row. `json` is
 * lossless: `jsonb` is copied, an integer keeps its digits, and a time is in ISO 8601 form with all its digits
 * whatever DateStyle and TimeZone are (`infinity` stays `infinity`).
 */
export function formatRowColumn(table: TableName, alias: string): string {
  const columns = KINDS[table].map(([name, kind]) => {
    const column = `${alias}.${name}`
    return kind === 'timestamptz' ? `${column} AT TIME ZONE 'UTC'` : column
  })
  return `CASE WHEN ${alias}.flag_key IS NOT NULL THEN json_build_array(${columns.join(', ')}) END`
}

/**
 * Parses the text of `formatRowColumn`: a row, null for null, or `broken` with its problems for a text that is no JSON
 * list or a row that breaks its schema. Throws nothing.
 */
export function parseRow<T extends TableName>(
  table: T,
  text: string | null,
): RowOrBroken<RowOf[T]> | null {
  if (text === null) return null
  const read = parseLosslessJson(text)
  if (!read.ok || !isJsonArray(read.node))
    return { broken: [makeProblem(read.ok ? 'type_wrong' : read.code, '')] }
  const { node } = read
  const members: JsonMember[] = []
  for (const [at, [name, kind]] of KINDS[table].entries()) {
    const value = node[at] ?? null
    if (value === null) continue
    const time = kind === 'timestamptz' && typeof value === 'string'
    members.push([name, time ? padToMilliseconds(value) : value])
  }
  return decodeRow(table, { members }, 'stored')
}

const ISO = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?$/
/**
 * Pads an ISO time without zone to milliseconds and adds `Z`. Digits beyond milliseconds stay, so that the row is
 * recognised as broken; any other text, such as `infinity`, is returned unchanged.
 */
export function padToMilliseconds(text: string): string {
  const match = ISO.exec(text)
  return match === null ? text : `${match[1]}.${(match[2] ?? '').padEnd(3, '0')}Z`
}
