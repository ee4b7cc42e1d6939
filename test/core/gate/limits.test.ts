import { describe, expect, test } from 'vitest'
import { formatLimit, judgeLimits } from '../../../src/core/gate/limits.ts'
import type { Limit, Scalar } from '../../../src/core/gate/types.ts'

const limit = (op: Limit['op'], value: Scalar, more: Partial<Limit> = {}): Limit => ({
  measure: 'p99_ms',
  op,
  value,
  unit: 'ms',
  ...more,
})
const twice = { or_times: { factor: 2, measure: 'file_ms' } }

describe('a limit', () => {
  test.each<readonly [string, Limit, Readonly<Record<string, Scalar>>, boolean]>([
    ['at its greatest value', limit('at_most', 5), { p99_ms: 5 }, true],
    ['above its greatest value', limit('at_most', 5), { p99_ms: 5.1 }, false],
    ['at its least value', limit('at_least', 5), { p99_ms: 5 }, true],
    ['below its least value', limit('at_least', 5), { p99_ms: 4.9 }, false],
    ['below every number', limit('at_most', 5), { p99_ms: -Infinity }, false],
    ['above every number', limit('at_least', 5), { p99_ms: Infinity }, false],
    ['of no number', limit('at_least', 5), { p99_ms: NaN }, false],
    ['of a text with a number', limit('at_most', 5), { p99_ms: '4' }, false],
    ['of a condition that would count as 1', limit('at_most', 5), { p99_ms: true }, false],
    ['under a bound that is a text', limit('at_most', '5'), { p99_ms: 4 }, false],
    ['under a bound that is a condition', limit('at_most', true), { p99_ms: 0 }, false],
    ['of the same word', limit('equals', 'read'), { p99_ms: 'read' }, true],
    ['of another word', limit('equals', 'read'), { p99_ms: 'write' }, false],
    ['of the same number as a text', limit('equals', 5), { p99_ms: '5' }, false],
    ['of the same condition', limit('equals', false), { p99_ms: false }, true],
    ['within its factor', limit('at_most', 5, twice), { p99_ms: 8, file_ms: 4 }, true],
    ['above its factor', limit('at_most', 5, twice), { p99_ms: 9, file_ms: 4 }, false],
    [
      'under a factor that is stricter',
      limit('at_most', 5, twice),
      { p99_ms: 5, file_ms: 1 },
      true,
    ],
    [
      'over a factor that is stricter',
      limit('at_least', 5, twice),
      { p99_ms: 5, file_ms: 9 },
      true,
    ],
    ['over its factor', limit('at_least', 5, twice), { p99_ms: 4, file_ms: 2 }, true],
    ['below its factor', limit('at_least', 5, twice), { p99_ms: 3, file_ms: 2 }, false],
    [
      'of a factor without end',
      limit('at_most', 5, twice),
      { p99_ms: 6, file_ms: Infinity },
      false,
    ],
    ['of a factor of a text', limit('at_most', 5, twice), { p99_ms: 6, file_ms: '4' }, false],
    ['of a factor of nothing', limit('at_most', 5, twice), { p99_ms: 5 }, true],
  ])('%s', (_what, one, measured, held) => {
    expect(judgeLimits([one], measured)).toEqual([{ limit: one, value: measured['p99_ms'], held }])
  })
  test.each<Limit['op']>(['at_most', 'at_least', 'equals'])('%s: a missing value', (op) => {
    const inherited = limit(op, 5, { measure: 'toString' })
    expect(judgeLimits([inherited], {})).toEqual([{ limit: inherited, value: null, held: false }])
  })
})

describe('a limit as text', () => {
  test.each<readonly [Limit, string]>([
    [limit('at_most', 5), 'p99_ms at most 5 ms'],
    [limit('at_least', 5), 'p99_ms at least 5 ms'],
    [limit('equals', 5), 'p99_ms is 5 ms'],
    [limit('equals', 'read'), 'p99_ms is read'],
    [limit('equals', true), 'p99_ms is true'],
    [limit('at_most', 5, twice), 'p99_ms at most 5 ms, or 2 x file_ms where that is looser'],
  ])('%j', (one, text) => expect(formatLimit(one)).toBe(text))
})
