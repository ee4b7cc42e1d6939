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
import { truncateText } from '../../core/text/quote.ts'

/** A finding about one row; `pointer` names the row and the field. */
export type RowFinding = Omit<CheckFinding, 'subject'>

const MOST_SHOWN = 120

/**
 * The key of a row as a JSON pointer: `/SCOPE/FLAG`, or `/FLAG` for a flag. A part above 120 characters is cut, and
 * its length appended.
 */
export const formatRowPointer = ({ scope_id, flag_key }: RowKey): string =>
  [...(scope_id === null ? [] : [scope_id]), flag_key].reduce(
    (path, one) => appendPointer(path, truncateText(one, MOST_SHOWN)),
    '',
  )

/** Number of fields of a row of the table, optional fields included. */
export const countFields = (table: TableName): number => Object.keys(ROW_MEMBERS[table]).length

/**
 * The rules of a stored row that a line breaks, one finding each; empty for a valid line. A line that cannot be parsed
 * as a row is one finding `form_wrong`. @param side named in the findings; null names none
 */
export function findLineProblems(
  table: TableName,
  line: string,
  side: string | null,
): readonly RowFinding[] {
  const { row, problems } = parseLine(table, line)
  return makeBrokenFindings(row?.key ?? NO_KEY, problems, side)
}

/** Validates consecutive lines: each line alone, and its key against the key of the last line that had one. */
export class LineSequence {
  private before: RowLine | null = null

  /**
   * The rules that the line breaks; then `row_repeated` if its key is that of the line before, or `row_unsorted` if it
   * sorts before it. Empty for a valid line in order. Remembers the key for the next call.
   */
  findings(table: TableName, line: string): readonly RowFinding[] {
    const { row, problems } = parseLine(table, line)
    const found = makeBrokenFindings(row?.key ?? NO_KEY, problems, null)
    if (row === null) return found
    const order = this.before === null ? -1 : compareRowLines(this.before, row)
    this.before = row
    if (order < 0) return found
    return [...found, order === 0 ? makeRepeatedFinding(row.key) : makeUnsortedFinding(row.key)]
  }
}

/** Makes the finding `row_repeated` for a key with more than one row; its pointer names the row by key. */
export const makeRepeatedFinding = (key: RowKey): RowFinding => ({
  code: 'row_repeated',
  pointer: formatRowPointer(key),
  detail: 'more than one row of this key',
})
const makeUnsortedFinding = (key: RowKey): RowFinding => ({
  code: 'row_unsorted',
  pointer: formatRowPointer(key),
  detail: 'sorts before the row in front of it',
})

/** Key in the findings of a line without a readable key. */
const NO_KEY: RowKey = { scope_id: null, flag_key: '' }

interface ExaminedRow {
  readonly row: RowLine | null
  readonly problems: readonly Problem[]
}
function parseLine(table: TableName, line: string): ExaminedRow {
  const plain = parsePlainRow(table, line)
  if (plain !== null) return { row: { table, key: plain.key }, problems: [] }
  const read = parseRowLine(line)
  if (read === null) return { row: null, problems: [{ code: 'form_wrong', pointer: '' }] }
  return { row: read, problems: decodeRow(table, read.node, 'stored').broken ?? [] }
}

/**
 * One finding for each problem: its code, and the pointer of the row followed by that of the field. @param side the
 * side that the detail names; null names none
 */
export const makeBrokenFindings = (
  key: RowKey,
  problems: readonly Problem[],
  side: string | null,
): readonly RowFinding[] =>
  problems.map(({ code, pointer: at }) => ({
    code,
    pointer: `${formatRowPointer(key)}${at}`,
    detail: `invalid row${side === null ? '' : ` in the ${side}`}`,
  }))

/**
 * Every field in which two lines of one key differ, as findings whose code is the kind of the difference and whose
 * detail shows both values; empty if only their spelling differs. @throws Error for a line that cannot be parsed
 */
export function findPairDifferences(
  key: RowKey,
  [left, right]: readonly [string, string],
  compare: JsonComparer = compareJson,
): readonly RowFinding[] {
  const [a, b] = [parseRowLine(left), parseRowLine(right)]
  if (a === null || b === null) throw new Error('a merged line cannot be parsed')
  const { differences } = compare(a.node, b.node)
  return classifyDifferences(a.node, b.node, differences).map((one): RowFinding => {
    const [kind, what] = REPRESENTATIONS[one.representation]
    return {
      code: one.representation,
      pointer: `${formatRowPointer(key)}${one.pointer}`,
      detail: `${formatNode(one.left)} | ${formatNode(one.right)} (${kind}: ${what})`,
    }
  })
}

const formatNode = (node: JsonNode | undefined): string =>
  node === undefined ? 'absent' : truncateText(serializeNode(node), MOST_SHOWN)
