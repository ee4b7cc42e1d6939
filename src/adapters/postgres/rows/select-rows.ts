import type { TableName } from '../../../core/rows/rows.ts'
import { SCOPE_MEMBER } from '../../../core/rows/rows.ts'
import { COLUMNS, type ColumnKind } from '../columns.ts'

/** How the bytes of a column become JSON. `raw` is JSON already, made by the server of a column that is not as in the contract. */
export type FieldKind = 'plain' | 'word' | 'prose' | 'value' | 'instant' | 'raw'
export interface SelectedColumn {
  readonly name: string
  readonly kind: FieldKind
  /** `"name":`, and the same after a comma. */
  readonly first: Buffer
  readonly next: Buffer
}
/** A type as `format_type` writes it, for each column that a table has. */
export type ColumnTypes = ReadonlyMap<string, string>
export interface TableShape {
  readonly types: ColumnTypes
  /** Whether the database's own constraints hold ids and words to their forms, so that none needs an escape. */
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

/** The columns in the order of RFC 8785, and the query for them. */
export interface RowSelection {
  readonly columns: readonly SelectedColumn[]
  readonly sql: string
}

/**
 * What to ask of a table so that nothing is lost on the way: texts as they are, whatever the session's
 * DateStyle, TimeZone and `extra_float_digits` are, and times as a count of microseconds.
 *
 * @param found its `types` are the base type of each column that is there; one of another type than the
 *   contract's is written by `to_json`, which shows what it is
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
    const held = KINDS[declared[name] as ColumnKind]
    const kind = PROSE.has(name) || (held === 'word' && !guarded) ? 'prose' : held
    const text = JSON.stringify(name)
    return {
      name,
      kind: asDeclared ? kind : 'raw',
      first: Buffer.from(`${text}:`),
      next: Buffer.from(`,${text}:`),
    }
  })
  const fields = columns.map(({ name, kind }) => expression(`"${name}"`, kind))
  const scope = SCOPE_MEMBER[table]
  const key = [...(scope === null ? [] : [scope]), 'flag_key'].map(
    (name) => `"${name}"::text COLLATE "C"`,
  )
  return { columns, sql: `SELECT ${fields.join(', ')} FROM ${at} ORDER BY ${key.join(', ')}` }
}

const TYPES: Readonly<Record<ColumnKind, string>> = {
  text: 'text',
  boolean: 'boolean',
  bigint: 'bigint',
  jsonb: 'jsonb',
  timestamptz: 'timestamp with time zone',
}
function expression(name: string, kind: FieldKind): string {
  if (kind === 'raw') return `to_json(${name})::text`
  return kind === 'instant' ? `${name}::timestamptz` : `${name}::text`
}
