import { describe, expect, test } from 'vitest'
import { getLifetimes, isRefreshDue, jitterLifetime } from '../../../src/core/cache/refresh.ts'

describe('a lifetime', () => {
  test.each([
    [0, 900],
    [0.5, 1_000],
    [0.999_999, 1_100],
  ])('varies by a tenth either way: %d gives %d', (random, ms) => {
    expect(jitterLifetime(1_000, 0.1, () => random)).toBe(ms)
  })
  test('is at least a millisecond', () => {
    expect(jitterLifetime(0, 0.1, () => 0)).toBe(1)
  })
  test('in memory is at most the one in Redis, shorter for a row that is not there', () => {
    const terms = { ttl_s: 300, negative_ttl_s: 20, local_ttl_s: 30 }
    expect(getLifetimes(terms, true)).toEqual({ shared_ms: 300_000, local_ms: 30_000 })
    expect(getLifetimes(terms, false)).toEqual({ shared_ms: 20_000, local_ms: 20_000 })
  })
})

test('an early refresh has the chance exp(-remaining / (beta * cost))', () => {
  const shareOf = (remaining_ms: number, beta: number): number => {
    const steps = 10_000
    const due = Array.from({ length: steps }, (_, at) =>
      isRefreshDue({ remaining_ms, cost_ms: 50 }, beta, () => (at + 0.5) / steps),
    )
    return due.filter(Boolean).length / steps
  }
  expect(shareOf(50, 1)).toBeCloseTo(Math.exp(-1), 3)
  expect(shareOf(100, 1)).toBeCloseTo(Math.exp(-2), 3)
  expect(shareOf(100, 2)).toBeCloseTo(Math.exp(-1), 3)
  expect(shareOf(30_000, 1)).toBe(0)
})
