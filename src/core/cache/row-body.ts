import { parseLosslessJson } from '../json/read.ts'
import { decodeRow } from '../rows/decode-row.ts'
import {
  formatRowKey,
  getRowKey,
  type RowKey,
  type RowOf,
  type RowOrBroken,
  serializeRow,
  type TableName,
} from '../rows/rows.ts'

/** A row that may be cached; null says that there is none. */
export type CachedRow<T extends TableName = TableName> = { readonly row: RowOf[T] } | null

const NO_ROW = 'null'

/** The body of an entry for a row; undefined for a broken row, which is never cached. */
export const formatRowBody = (held: RowOrBroken<RowOf[TableName]> | null): string | undefined =>
  held === null ? NO_ROW : held.row === undefined ? undefined : serializeRow(held.row)

/** The row of a body; undefined for a text that is no valid row of this key. */
export function parseRowBody<T extends TableName>(
  table: T,
  key: RowKey,
  body: string,
): CachedRow<T> | undefined {
  if (body === NO_ROW) return null
  const read = parseLosslessJson(body)
  if (!read.ok) return undefined
  const { row } = decodeRow(table, read.node, 'stored')
  return row !== undefined && formatRowKey(getRowKey(row)) === formatRowKey(key)
    ? { row }
    : undefined
}
