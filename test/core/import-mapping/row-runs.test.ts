import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RowRuns } from '../../../src/core/import-mapping/row-runs.ts'
import type { MappedRow } from '../../../src/core/import-mapping/types.ts'
import { compareRowLines } from '../../../src/core/row-format/row-line.ts'
import { TABLE_NAMES } from '../../../src/core/rows/rows.ts'
import { examples } from '../../support/scale.ts'
import { UNPACKED } from './mappings.ts'

/** The number makes each line another one; rows of one table, scope and flag have one key. */
const makeRow = (
  [table, scope, flag]: readonly [number, string, number],
  number: number,
): MappedRow => {
  const name = TABLE_NAMES[table] as (typeof TABLE_NAMES)[number]
  const scope_id = name === 'flag_registry' ? null : scope
  return { table: name, key: { scope_id, flag_key: `ff.f${flag}` }, line: `{"n":${number}}` }
}
/** A place that needs escapes, as names of a document do. */
const placeOf = (number: number): string => `/a\t\n"\ud800/${number}`

function fill(rows: readonly MappedRow[]): RowRuns {
  const runs = new RowRuns(UNPACKED)
  for (const [number, row] of rows.entries()) runs.add(row, placeOf(number))
  return runs
}

/** What the runs have to say: a stable sort of all rows, and each that is not the first of its key. */
function expectSameAsSorted(rows: readonly MappedRow[]): void {
  const runs = fill(rows)
  const numbered = rows.map((row, number) => ({ row, at: placeOf(number) }))
  const sorted = numbered.toSorted((a, b) => compareRowLines(a.row, b.row))
  const repeats = sorted.flatMap((one, index) => {
    const before = sorted[index - 1]
    return before !== undefined && compareRowLines(before.row, one.row) === 0
      ? [{ ...one, firstAt: before.at }]
      : []
  })
  expect([...runs.findRepeats()].filter((one) => one !== null)).toEqual(repeats)
  for (const reading of [1, 2])
    expect([reading, ...runs]).toEqual([reading, ...sorted.map(({ row }) => row)])
  expect(runs.count).toBe(rows.length)
  expect(TABLE_NAMES.map((table) => runs.counts[table])).toEqual(
    TABLE_NAMES.map((table) => rows.filter((row) => row.table === table).length),
  )
}

describe('RowRuns', () => {
  const keys = fc.tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom('A', 'a', 'a!', 'aa', '~', '!'),
    fc.integer({ min: 0, max: 12 }),
  )

  test('gives the rows in the order of a snapshot, and each repeated row with its first', () => {
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 60 }), (all) => expectSameAsSorted(all.map(makeRow))),
      examples(100),
    )
  })

  test('does so for rows of many runs, of two levels', () => {
    // Each block begins before the end of the block in front of it, so that it is a run of its own.
    const rows = Array.from({ length: 9_000 }, (_, at) =>
      makeRow([1 + (at % 2), `T${(at * 7919) % 1000}`, at % 8_950], at),
    )
    expectSameAsSorted(rows)
  })

  test('does so for rows that come in order', () => {
    expectSameAsSorted(
      Array.from({ length: 1_700 }, (_, at) => makeRow([1, `T${1_000_000 + at}`, 1], at)),
    )
  })

  test('holds no row before one is added', () => {
    expectSameAsSorted([])
  })
})
