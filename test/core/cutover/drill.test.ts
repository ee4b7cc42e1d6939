import { expect, test } from 'vitest'
import {
  type DrillWatch,
  isDrillOver,
  MOST_DRILL_MS,
  watchDrill,
} from '../../../src/core/cutover/drill.ts'
import { makeRecord } from './records.ts'

const drill = makeRecord({ phase: 'db_authoritative', drillEndsAt: 5_000 })
type Look = readonly [databaseMs: number | null, at: number]
/** What a writer knows after these looks. */
const look = (...looks: readonly Look[]): DrillWatch | null =>
  looks.reduce<DrillWatch | null>(
    (watch, [databaseMs, at]) => watchDrill(watch, drill, { databaseMs, at }),
    null,
  )

test.each<[what: string, looks: readonly Look[], ownEndsAt: number]>([
  ['by the database clock at the first look', [[4_000, 100]], 1_100],
  [
    'by the writer clock while the database is away',
    [
      [4_000, 100],
      [null, 900],
    ],
    1_100,
  ],
  [
    'at once where the database clock jumps forth',
    [
      [4_000, 100],
      [9_000, 200],
    ],
    200 - 4_000,
  ],
  [
    'as before where the database clock is set back',
    [
      [4_000, 100],
      [0, 200],
    ],
    1_100,
  ],
  ['after the longest drill without the database', [[null, 100]], 100 + MOST_DRILL_MS],
  ['after the longest drill at most', [[5_000 - 2 * MOST_DRILL_MS, 100]], 100 + MOST_DRILL_MS],
  [
    'earlier once the database says so',
    [
      [null, 100],
      [4_000, 200],
    ],
    1_200,
  ],
])('a drill ends %s', (_what, looks, ownEndsAt) => {
  const watch = look(...looks)
  expect(watch).toEqual({ drillEndsAt: 5_000, ownEndsAt })
  expect(isDrillOver(watch, ownEndsAt - 1)).toBe(false)
  expect(isDrillOver(watch, ownEndsAt)).toBe(true)
})

test('another drill has an end of its own', () => {
  const next = makeRecord({ phase: 'db_authoritative', drillEndsAt: 9_000 })
  const watch = watchDrill(look([4_000, 100]), next, { databaseMs: 6_000, at: 2_100 })
  expect(watch?.ownEndsAt).toBe(5_100)
})

test('nothing is over outside of a drill', () => {
  const clocks = { databaseMs: 9_000, at: 9_000 }
  expect(watchDrill(look([4_000, 100]), makeRecord(), clocks)).toBeNull()
  expect(isDrillOver(null, 9_000)).toBe(false)
})
