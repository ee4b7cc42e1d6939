import { isJsonObject, type JsonNode, parseLosslessJson } from '../json/read.ts'
import { type RowKey, SCOPE_MEMBER, type TableName, TABLE_NAMES } from '../rows/rows.ts'
import { parsePlainRow } from './plain-row.ts'

/** The table and the key of a snapshot's line. */
export interface RowLine {
  readonly table: TableName
  readonly key: RowKey
}

/** A line with the lossless node of its row. */
export interface ParsedRowLine extends RowLine {
  readonly node: JsonNode
}

/** The line of a row in a snapshot, without a line feed. @param row JSON text, used unchanged */
export const formatRowLine = (table: TableName, row: string): string =>
  `{"row":${row},"table":"${table}"}`

/**
 * Parses a line for `decodeRow` or a comparison; does not validate its row. Null where the line is not JSON, names no
 * known table, or its row lacks a text as flag key or, in an override, as scope id.
 */
export function parseRowLine(line: string): ParsedRowLine | null {
  const read = parseLosslessJson(line)
  return read.ok ? toRowLine(read.node) : null
}

/**
 * Takes table, key and row from the parsed JSON of a snapshot line, as `parseRowLine` does from its text; does not
 * validate the row. Null where it names no known table, or its row lacks a text as flag key or, in an override, as
 * scope id.
 */
export function toRowLine(node: JsonNode): ParsedRowLine | null {
  const table = TABLE_NAMES.find((name) => name === getMember(node, 'table'))
  const row = getMember(node, 'row')
  if (table === undefined || row === undefined) return null
  const member = SCOPE_MEMBER[table]
  const scope_id = member === null ? null : getMember(row, member)
  const flag_key = getMember(row, 'flag_key')
  if (typeof flag_key !== 'string' || (scope_id !== null && typeof scope_id !== 'string'))
    return null
  return { table, key: { scope_id, flag_key }, node: row }
}

/**
 * Table and key of the line of a row, by the fast path where it applies; null for a line that is not JSON, names no
 * known table, or lacks a key. Does not validate the row.
 *
 * @param table selects the fast path only: the table of the result is the one that the line names
 */
export function readLineKey(table: TableName, line: string): RowLine | null {
  const plain = parsePlainRow(table, line)
  return plain === null ? parseRowLine(line) : { table, key: plain.key }
}

/** The value of the first member of that name; undefined where there is none, or where the node is not an object. */
export function getMember(node: JsonNode, name: string): JsonNode | undefined {
  if (node === null || typeof node !== 'object' || !isJsonObject(node)) return undefined
  return node.members.find(([held]) => held === name)?.[1]
}

/**
 * Compares for sorting: below, equal to or above 0. Orders by table, scope id and flag key in the byte order of UTF-8:
 * the order of a snapshot and of collation C.
 */
export function compareRowLines(a: RowLine, b: RowLine): number {
  return (
    TABLE_NAMES.indexOf(a.table) - TABLE_NAMES.indexOf(b.table) ||
    compareText(a.key.scope_id ?? '', b.key.scope_id ?? '') ||
    compareText(a.key.flag_key, b.key.flag_key)
  )
}

/** By code point, which is the byte order of UTF-8: `<` compares UTF-16 units and puts U+FF61 after an emoji. */
function compareText(a: string, b: string): number {
  if (a === b) return 0
  let at = 0
  while (a.charCodeAt(at) === b.charCodeAt(at)) at += 1
  // At the first difference: a surrogate stands for a code point beyond all single units.
  const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)].map((unit) =>
    Number.isNaN(unit) ? -1 : unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit,
  ) as [number, number]
  return x < y ? -1 : 1
}
