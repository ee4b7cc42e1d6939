import type { TableName } from '../../../core/rows/rows.ts'
import { SCOPE_MEMBER } from '../../../core/rows/rows.ts'
import { COLUMNS, type ColumnKind } from '../columns.ts'

/** How the bytes of a column become JSON. `raw`: the server's `to_json` of a column whose type differs from the contract. */
export type FieldKind = 'plain' | 'word' | 'prose' | 'value' | 'instant' | 'raw'
export interface SelectedColumn {
  readonly name: string
  readonly kind: FieldKind
  /** `"name":`, and `,"name":`. */
  readonly first: Buffer
  readonly next: Buffer
}
/** Base type of each column of a table, as `format_type` writes it. */
export type ColumnTypes = ReadonlyMap<string, string>
export interface TableShape {
  readonly types: ColumnTypes
  /** Whether the constraints of the database enforce the form of ids and words, so that none needs an escape. */
  readonly guarded: boolean
}

const PROSE: ReadonlySet<string> = new Set(['note', 'description', 'owner'])
const KINDS: Readonly<Record<ColumnKind, FieldKind>> = {
  text: 'word',
  boolean: 'plain',
  bigint: 'plain',
  jsonb: 'value',
  timestamptz: 'instant',
}

/** The columns in the member order of RFC 8785, and the query that returns them. */
export interface RowSelection {
  readonly columns: readonly SelectedColumn[]
  readonly sql: string
}

/**
 * Builds a lossless query for all rows of a table, ordered by scope id and flag key as bytes: texts that do not depend
 * on DateStyle, TimeZone or extra_float_digits, and times as `timestamptz`. Leaves out columns that the database
 * lacks; selects a column with another type than the contract's with `to_json`.
 *
 * @param at the table's qualified and quoted name
 */
export function buildRowSelection(
  at: string,
  table: TableName,
  { types, guarded }: TableShape,
): RowSelection {
  const declared: Readonly<Record<string, ColumnKind>> = COLUMNS[table]
  const names = Object.keys(declared)
    .filter((name) => types.has(name))
    .toSorted()
  const columns = names.map((name): SelectedColumn => {
    const asDeclared = types.get(name) === TYPES[declared[name] as ColumnKind]
    const declaredKind = KINDS[declared[name] as ColumnKind]
    const kind = PROSE.has(name) || (declaredKind === 'word' && !guarded) ? 'prose' : declaredKind
    const text = JSON.stringify(name)
    return {
      name,
      kind: asDeclared ? kind : 'raw',
      first: Buffer.from(`${text}:`),
      next: Buffer.from(`,${text}:`),
    }
  })
  const fields = columns.map(({ name, kind }) => formatExpression(`"${name}"`, kind))
  const scope = SCOPE_MEMBER[table]
  const key = [...(scope === null ? [] : [scope]), 'flag_key'].map(
    (name) => `"${name}"::text COLLATE "C"`,
  )
  return { columns, sql: `SELECT ${fields.join(', ')} FROM ONLY ${at} ORDER BY ${key.join(', ')}` }
}

const TYPES: Readonly<Record<ColumnKind, string>> = {
  text: 'text',
  boolean: 'boolean',
  bigint: 'bigint',
  jsonb: 'jsonb',
  timestamptz: 'timestamp with time zone',
}
function formatExpression(name: string, kind: FieldKind): string {
  if (kind === 'raw') return `to_json(${name})::text`
  return kind === 'instant' ? `${name}::timestamptz` : `${name}::text`
}
