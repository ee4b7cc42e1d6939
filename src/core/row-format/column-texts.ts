import type { AnyRow, TableName } from '../rows/rows.ts'
import { decodeRow, ROW_MEMBERS } from '../rows/decode-row.ts'
import type { Problem } from '../problem.ts'
import { parsePlainRow } from './plain-row.ts'
import { parseRowLine } from './row-line.ts'

/** A stored row as the database takes it: one text for each column in the order of the DDL. */
export interface ImportRow {
  readonly texts: readonly (string | null)[]
  readonly revision: number
  /** JSON texts, whose first characters tell the JSON type; null on a tombstone. */
  readonly values: readonly (string | null)[]
}
export type ImportRead =
  | { readonly ok: true; readonly row: ImportRow }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const NAMES: Readonly<Record<TableName, readonly string[]>> = {
  flag_registry: Object.keys(ROW_MEMBERS.flag_registry),
  tenant_override: Object.keys(ROW_MEMBERS.tenant_override),
  user_override: Object.keys(ROW_MEMBERS.user_override),
}

/**
 * Parses a stored line, `{"row":{...},"table":"..."}`, into column texts, null for an absent member, with the revision
 * and the values as JSON texts; or returns every rule that the row breaks by itself. A member that is JSON null breaks
 * one. A line that is not JSON, names no known table, or whose row lacks the flag key or the scope id of the table that
 * it names, is `form_wrong` at the root alone. The row is decoded as one of `table`, whatever table the line names.
 */
export function parseImportRow(table: TableName, line: string): ImportRead {
  const plain = parsePlainRow(table, line)
  if (plain !== null) {
    const { members, revision } = plain
    const texts = NAMES[table].map((name) => unquote(name, members[name]))
    return {
      ok: true,
      row: { texts, revision: Number(revision), values: [members['value'] ?? null] },
    }
  }
  const read = parseRowLine(line)
  if (read === null) return { ok: false, problems: [{ code: 'form_wrong', pointer: '' }] }
  const { row, broken } = decodeRow(table, read.node, 'stored')
  return broken === undefined
    ? { ok: true, row: toImportRow(table, row) }
    : { ok: false, problems: broken }
}

/** The content of a plain text needs no unescaping. */
function unquote(name: string, text: string | undefined): string | null {
  if (text === undefined) return null
  return name !== 'value' && text.startsWith('"') ? text.slice(1, -1) : text
}

/** A row as the database takes it: one text for each column in the order of the DDL, null for an absent member. */
export function toColumnTexts(table: TableName, row: AnyRow): ImportRow['texts'] {
  const members = row as unknown as Readonly<Record<string, string | number | boolean | undefined>>
  return NAMES[table].map((name) => {
    const member = members[name]
    return member === undefined ? null : String(member)
  })
}

function toImportRow(table: TableName, row: AnyRow): ImportRow {
  const texts = toColumnTexts(table, row)
  const values = 'value_type' in row ? [row.default_value, row.safe_value] : [row.value ?? null]
  return { texts, revision: row.revision, values }
}
