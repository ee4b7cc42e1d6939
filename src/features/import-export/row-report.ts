import { compareJson, type JsonComparer } from '../../core/parity/compare.ts'
import { classifyDifferences } from '../../core/parity/field-differences.ts'
import { serializeNode } from '../../core/parity/node-text.ts'
import { REPRESENTATIONS } from '../../core/parity/representation.ts'
import { appendPointer } from '../../core/json/pointer.ts'
import type { JsonNode } from '../../core/json/read.ts'
import type { Problem } from '../../core/problem.ts'
import type { CheckFinding } from '../../core/report/types.ts'
import { parsePlainRow } from '../../core/row-format/plain-row.ts'
import { compareRowLines, parseRowLine, type RowLine } from '../../core/row-format/row-line.ts'
import { decodeRow, ROW_MEMBERS } from '../../core/rows/decode-row.ts'
import type { RowKey, TableName } from '../../core/rows/rows.ts'

export type RowFinding = Omit<CheckFinding, 'subject'>

const MOST_SHOWN = 120
const cut = (text: string): string =>
  text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}... (${text.length} characters)` : text

/** The place of a row among those of its table, as a JSON pointer. */
export const formatRowPointer = ({ scope_id, flag_key }: RowKey): string =>
  [...(scope_id === null ? [] : [scope_id]), flag_key].reduce(
    (path, one) => appendPointer(path, cut(one)),
    '',
  )

/** How many fields a row of a table has that can differ, absent ones included. */
export const countFields = (table: TableName): number => Object.keys(ROW_MEMBERS[table]).length

/** What breaks page 1 in a stored line; nothing for most, which are plain. */
export function findLineProblems(
  table: TableName,
  line: string,
  side: string | null,
): readonly RowFinding[] {
  const { row, problems } = lookAt(table, line)
  return makeBrokenFindings(row?.key ?? NO_KEY, problems, side)
}

/** The same of lines that follow one another, which are also held to their order. */
export class LineSequence {
  private before: RowLine | null = null

  findings(table: TableName, line: string): readonly RowFinding[] {
    const { row, problems } = lookAt(table, line)
    const found = makeBrokenFindings(row?.key ?? NO_KEY, problems, null)
    if (row === null) return found
    const order = this.before === null ? -1 : compareRowLines(this.before, row)
    this.before = row
    if (order < 0) return found
    return [...found, order === 0 ? makeRepeatedFinding(row.key) : unsortedFinding(row.key)]
  }
}

export const makeRepeatedFinding = (key: RowKey): RowFinding => ({
  code: 'row_repeated',
  pointer: formatRowPointer(key),
  detail: 'more than one row of this key',
})
const unsortedFinding = (key: RowKey): RowFinding => ({
  code: 'row_unsorted',
  pointer: formatRowPointer(key),
  detail: 'stands behind a row that it comes before',
})

/** What is said of a line that is no row of anything. */
const NO_KEY: RowKey = { scope_id: null, flag_key: '' }

interface ExaminedRow {
  readonly row: RowLine | null
  readonly problems: readonly Problem[]
}
function lookAt(table: TableName, line: string): ExaminedRow {
  const plain = parsePlainRow(table, line)
  if (plain !== null) return { row: { table, key: plain.key }, problems: [] }
  const read = parseRowLine(line)
  if (read === null) return { row: null, problems: [{ code: 'form_wrong', pointer: '' }] }
  return { row: read, problems: decodeRow(table, read.node, 'stored').broken ?? [] }
}

/** @param side whose row it is; null for both */
export const makeBrokenFindings = (
  key: RowKey,
  problems: readonly Problem[],
  side: string | null,
): readonly RowFinding[] =>
  problems.map(({ code, pointer: at }) => ({
    code,
    pointer: `${formatRowPointer(key)}${at}`,
    detail: `breaks the form of a row${side === null ? '' : ` in the ${side}`}`,
  }))

/** Every field in which two lines of one key differ; none where they are the same row, spelled otherwise. */
export function findPairDifferences(
  key: RowKey,
  [left, right]: readonly [string, string],
  compare: JsonComparer = compareJson,
): readonly RowFinding[] {
  const [a, b] = [parseRowLine(left), parseRowLine(right)]
  if (a === null || b === null) throw new Error('a line that was walked past cannot be read')
  const { differences } = compare(a.node, b.node)
  return classifyDifferences(a.node, b.node, differences).map((one): RowFinding => {
    const [kind, what] = REPRESENTATIONS[one.representation]
    return {
      code: one.representation,
      pointer: `${formatRowPointer(key)}${one.pointer}`,
      detail: `${shown(one.left)} | ${shown(one.right)} (${kind}: ${what})`,
    }
  })
}

const shown = (node: JsonNode | undefined): string =>
  node === undefined ? 'absent' : cut(serializeNode(node))
