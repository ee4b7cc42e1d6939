import { Readable } from 'node:stream'
import type { JsonComparer } from '../../core/parity/compare.ts'
import { findComparerFaults } from '../../core/parity/comparer-controls.ts'
import { formatRowLine } from '../../core/row-format/row-line.ts'
import type { RowBatch, RowSource } from '../../ports/rows.ts'
import { type CheckResult, passResult } from '../../core/report/check-report.ts'
import { mergeRows } from './merge-rows.ts'
import { findPairDifferences } from './row-report.ts'

/** Three rows, so that a difference can be first, last or in between. */
const LINES = ['a', 'b', 'c'].map((scope) =>
  formatRowLine(
    'tenant_override',
    `{"created_at":"2026-01-01T00:00:00.000Z","created_by":"x","flag_key":"ff.a","revision":1,"tenant_id":"${scope}","updated_at":"2026-01-01T00:00:00.000Z","updated_by":"x","value":1}`,
  ),
)
type Lines = readonly string[]
const replaceLine = (at: number): Lines =>
  LINES.map((line, index) => (index === at ? line.replace('"value":1', '"value":2') : line))
const dropLine = (at: number): Lines => LINES.filter((_, index) => index !== at)
/** Two sides and the number of differences between them. */
const CASES: readonly (readonly [Lines, Lines, number])[] = [
  [LINES, LINES, 0],
  ...LINES.flatMap((_, at): (readonly [Lines, Lines, number])[] => [
    [LINES, replaceLine(at), 1],
    [LINES, dropLine(at), 1],
    [dropLine(at), LINES, 1],
    [replaceLine(at), dropLine(at), 1],
  ]),
]

/**
 * Checks the comparer and the merge before a diff relies on them: the comparer on pairs with a known answer, the merge
 * on small sides that are equal or differ by one row, at each position. Returns two items, `control.comparer` and
 * `control.walk`: `pass`, or `inconclusive` with a finding `control_not_held` for each fault. Reads no store.
 */
export async function runDiffControls(compare: JsonComparer): Promise<readonly CheckResult[]> {
  const comparer = findComparerFaults(compare)
  const walk = await findMergeFaults(compare)
  return [
    buildControlItem('control.comparer', 'pairs with a known answer', comparer),
    buildControlItem(
      'control.walk',
      `${CASES.length} small sides, in one batch and line by line`,
      walk,
    ),
  ]
}

function buildControlItem(id: string, title: string, faults: readonly string[]): CheckResult {
  if (faults.length === 0) return passResult(id, title)
  const findings = faults.map((detail) => ({ code: 'control_not_held', pointer: null, detail }))
  return { id, title, state: 'inconclusive', findings, next: 'Do not rely on this diff.' }
}

async function findMergeFaults(compare: JsonComparer): Promise<readonly string[]> {
  const faults: string[] = []
  for (const [index, [left, right, expected]] of CASES.entries()) {
    for (const lines of [LINES.length, 1]) {
      const found = await countDifferences(toSide(left, lines), toSide(right, 2), compare)
      if (found !== expected)
        faults.push(`case ${index}: ${found} differences instead of ${expected}`)
    }
  }
  return faults
}

async function countDifferences(left: Side, right: Side, compare: JsonComparer): Promise<number> {
  let found = 0
  await mergeRows(left, right, {
    same: () => true,
    pair: (a, b) => {
      if (findPairDifferences(a.key, [a.line, b.line], compare).length > 0) found += 1
      return true
    },
    only: () => {
      found += 1
      return true
    },
  })
  return found
}

type Side = Pick<RowSource, 'lines'>
const toSide = (lines: Lines, size: number): Side => ({
  lines: () => {
    const starts = lines.map((_, at) => at).filter((at) => at % size === 0)
    const batches = starts.map((at): RowBatch => {
      const bytes = Buffer.from(
        lines
          .slice(at, at + size)
          .map((line) => `${line}\n`)
          .join(''),
      )
      return { table: 'tenant_override', bytes, unsure: [] }
    })
    return Readable.from(batches)
  },
})
