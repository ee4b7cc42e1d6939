import { expect, test } from 'vitest'
import { getTextWidth } from '../../src/commands/text-width.ts'

/** COLUMNS, the columns of the terminal (null for none), and the width that follows. */
const ROWS: readonly (readonly [string | undefined, number | null, number])[] = [
  [undefined, null, 80],
  [undefined, 100, 100],
  [undefined, 20, 40],
  [undefined, 200, 120],
  ['60', 100, 60],
  ['40', null, 40],
  ['1', null, 40],
  ['999', null, 120],
  ['', 100, 100],
  ['0', 100, 100],
  ['wide', null, 80],
  ['80.5', 100, 100],
]

test.each(ROWS)('COLUMNS=%s on a terminal of %s columns is %i', (given, columns, width) => {
  const env = given === undefined ? {} : { COLUMNS: given }
  const screenSize = () => (columns === null ? null : { columns, rows: 24 })
  expect(getTextWidth({ env, io: { screenSize } })).toBe(width)
})
