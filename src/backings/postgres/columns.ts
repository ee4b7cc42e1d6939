import { readJson, type JsonMember, type JsonNode } from '../../core/json/read.ts'
import { decodeRow } from '../../core/state/decode-row.ts'
import type { RowOf, Stored, Table } from '../../core/state/rows.ts'

/** How a column travels: as what it is sent, as which text it comes back, and what that text means. */
type Kind = 'text' | 'boolean' | 'bigint' | 'jsonb' | 'timestamptz'

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
/** The members of each row (page 1) and the type that carries each. */
export const COLUMNS: { readonly [T in Table]: Readonly<Record<keyof RowOf[T], Kind>> } = {
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

const kindsOf = (table: Table): readonly (readonly [string, Kind])[] => Object.entries(COLUMNS[table])
export const columnNames = (table: Table): readonly string[] => kindsOf(table).map(([name]) => name)
/** For `jsonb_to_recordset(...) AS r(...)`. */
export const columnTypes = (table: Table): string =>
  kindsOf(table)
    .map(([name, kind]) => `${name} ${kind}`)
    .join(', ')

/**
 * The select list of one table, each column as a text that loses nothing: `to_json` writes a time with
 * all its digits in ISO form whatever DateStyle and TimeZone say, and `infinity` as itself.
 */
export const selectList = (table: Table, alias: string): string =>
  kindsOf(table)
    .map(([name, kind]) =>
      kind === 'timestamptz' ? `to_json(${alias}.${name} AT TIME ZONE 'UTC') #>> '{}'` : `${alias}.${name}::text`,
    )
    .join(', ')

/** The row behind a stretch of such a select list; null where an outer join found none. */
export function rowFrom<T extends Table>(table: T, texts: readonly (string | null)[]): Stored<RowOf[T]> | null {
  const members = kindsOf(table).flatMap(([name, kind], at): JsonMember[] => {
    const text = texts[at] ?? null
    return text === null ? [] : [[name, nodeOf(kind, text)]]
  })
  return members.length === 0 ? null : decodeRow(table, { members })
}

function nodeOf(kind: Kind, text: string): JsonNode {
  if (kind === 'text') return text
  if (kind === 'timestamptz') return inMilliseconds(text)
  // PostgreSQL's text of a boolean or bigint is JSON already.
  const read = readJson(text)
  return read.ok ? read.node : text
}

const ISO = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?$/
/** Pads to milliseconds; further digits stay, so that a row which holds them is found not to fit. */
function inMilliseconds(text: string): string {
  const match = ISO.exec(text)
  return match === null ? text : `${match[1]}.${(match[2] ?? '').padEnd(3, '0')}Z`
}
