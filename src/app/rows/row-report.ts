import { compareJson, type Compare } from '../../core/parity/compare.ts'
import { fieldDifferences } from '../../core/parity/field-differences.ts'
import { nodeText } from '../../core/parity/node-text.ts'
import { REPRESENTATIONS } from '../../core/parity/representation.ts'
import { pointer } from '../../core/json/pointer.ts'
import type { JsonNode } from '../../core/json/read.ts'
import type { Problem } from '../../core/problem.ts'
import type { CheckFinding } from '../../core/report/types.ts'
import { plainRow } from '../../core/rows/plain-row.ts'
import { readLine } from '../../core/rows/row-line.ts'
import { decodeRow, ROW_MEMBERS } from '../../core/state/decode-row.ts'
import type { RowKey, Table } from '../../core/state/rows.ts'

export type RowFinding = Omit<CheckFinding, 'subject'>

const MOST_SHOWN = 120
const cut = (text: string): string =>
  text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}... (${text.length} characters)` : text

/** The place of a row among those of its table, as a JSON pointer. */
export const rowPointer = ({ scope_id, flag_key }: RowKey): string =>
  [...(scope_id === null ? [] : [scope_id]), flag_key].reduce(
    (path, one) => pointer(path, cut(one)),
    '',
  )

/** How many fields a row of a table has that can differ, absent ones included. */
export const fieldsOf = (table: Table): number => Object.keys(ROW_MEMBERS[table]).length

/** What breaks page 1 in a stored line; nothing for most, which are plain. */
export function lineProblems(table: Table, line: string): readonly Problem[] {
  if (plainRow(table, line) !== null) return []
  const read = readLine(line)
  if (read === null) return [{ code: 'form_wrong', pointer: '' }]
  return decodeRow(table, read.node, 'stored').broken ?? []
}

/** @param side whose row it is; null for both */
export const brokenFindings = (
  key: RowKey,
  problems: readonly Problem[],
  side: string | null,
): readonly RowFinding[] =>
  problems.map(({ code, pointer: at }) => ({
    code,
    pointer: `${rowPointer(key)}${at}`,
    detail: `breaks the form of a row${side === null ? '' : ` in the ${side}`}`,
  }))

/** Every field in which two lines of one key differ; none where they are the same row, spelled otherwise. */
export function pairFindings(
  key: RowKey,
  [left, right]: readonly [string, string],
  compare: Compare = compareJson,
): readonly RowFinding[] {
  const [a, b] = [readLine(left), readLine(right)]
  if (a === null || b === null) throw new Error('a line that was walked past cannot be read')
  const { differences } = compare(a.node, b.node)
  return fieldDifferences(a.node, b.node, differences).map((one): RowFinding => {
    const [kind, what] = REPRESENTATIONS[one.representation]
    return {
      code: one.representation,
      pointer: `${rowPointer(key)}${one.pointer}`,
      detail: `${shown(one.left)} | ${shown(one.right)} (${kind}: ${what})`,
    }
  })
}

const shown = (node: JsonNode | undefined): string =>
  node === undefined ? 'absent' : cut(nodeText(node))
