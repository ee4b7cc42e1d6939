import { describe, expect, test } from 'vitest'
import { parseLosslessJson } from '../../../src/core/json/read.ts'
import { nodeToValue } from '../../../src/core/json/plain.ts'
import type { compareJson } from '../../../src/core/parity/compare.ts'
import { findComparerFaults, EQUAL, UNEQUAL } from '../../../src/core/parity/comparer-controls.ts'

const whys = (pairs: typeof EQUAL): readonly string[] => pairs.map(([why]) => why)
const SAME = { differences: [], fields: 1 }
const OTHER = { differences: [{ pointer: '', left: null, right: null }], fields: 1 }

describe('findComparerFaults', () => {
  test('has readable pairs of both kinds, each with its own reason', () => {
    const all = [...UNEQUAL, ...EQUAL]
    expect(UNEQUAL.length).toBeGreaterThan(15)
    expect(EQUAL.length).toBeGreaterThan(1)
    expect(new Set(whys(all)).size).toBe(all.length)
    expect(whys(all)).not.toContain('')
    for (const [, left, right] of all) {
      expect([parseLosslessJson(left).ok, parseLosslessJson(right).ok]).toEqual([true, true])
      expect(left).not.toBe(right)
    }
  })

  test('finds none in our comparer', () => {
    expect(findComparerFaults()).toEqual([])
  })

  test('finds every unequal pair in a comparer that calls everything equal', () => {
    expect(findComparerFaults(() => SAME)).toEqual(whys(UNEQUAL))
  })

  test('finds every equal pair in a comparer that calls everything unequal', () => {
    expect(findComparerFaults(() => OTHER)).toEqual(whys(EQUAL))
  })

  test('finds the losses of JSON.parse in a comparer of parsed values', () => {
    const parsing: typeof compareJson = (a, b) =>
      JSON.stringify(nodeToValue(a)) === JSON.stringify(nodeToValue(b)) ? SAME : OTHER
    expect(findComparerFaults(parsing)).toEqual(
      expect.arrayContaining([
        'the last digit of a large integer',
        'a trailing zero',
        'the sign of zero',
        'a repeated member lost',
        'the order of members',
      ]),
    )
  })
})
