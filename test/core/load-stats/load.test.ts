import { describe, expect, test } from 'vitest'
import {
  type LoadArrival,
  planPace,
  percentile,
  summarizeLoad,
  findWidestChange,
} from '../../../src/core/load-stats/load.ts'

describe('a pace', () => {
  test('is a tenth above the required rate, so that late timers do not miss it', () => {
    const { per_s, requests } = planPace({ least_per_s: 150, requests: 1_000, seconds: 10 })
    expect(per_s).toBe(165)
    expect(requests).toBe(1_650)
  })
  test('reaches the required number of requests within the time', () => {
    const pace = planPace({ least_per_s: 3, requests: 1_001, seconds: 10 })
    expect(pace).toEqual({ per_s: 100.1, requests: 1_001 })
  })
  test('has an upper limit', () => {
    const pace = planPace({ least_per_s: 1e9, requests: 1, seconds: 2 })
    expect(pace).toEqual({ per_s: 5_000, requests: 10_000 })
  })
})

describe('a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at)
  test.each([
    [0, 1],
    [0.005, 1],
    [0.5, 50],
    [0.99, 99],
    [0.991, 100],
    [1, 100],
  ])('at %d is one of the values, by nearest rank', (share, value) => {
    expect(percentile(hundred, share)).toBe(value)
    expect(hundred[0]).toBe(100)
  })
  test('of an empty list is Infinity', () => {
    expect(percentile([], 0.99)).toBe(Infinity)
  })
})

describe('a load', () => {
  /** Requests due every 10 ms, sent on time and answered 2 ms later unless changed. */
  const burst = (count: number, change: (at: number) => Partial<LoadArrival> = () => ({})) =>
    Array.from({ length: count }, (_, at): LoadArrival => {
      const due_ms = at * 10
      return { due_ms, sent_ms: due_ms, done_ms: due_ms + 2.004, ok: true, ...change(at) }
    })
  const PACE = { per_s: 100 }

  test('at its pace', () => {
    expect(summarizeLoad([burst(50), burst(50)], PACE)).toEqual({
      requests: 100,
      failed: 0,
      failed_share: 0,
      p99_ms: 2,
      per_s: 100,
    })
  })
  test('measures latency from the due time, not from the time of sending', () => {
    // A stall of 100 ms delays ten requests; each of them is answered at once.
    const stalled = burst(100, (at) => (at < 10 ? { sent_ms: 100, done_ms: 101 } : {}))
    expect(summarizeLoad([stalled], PACE)).toMatchObject({ p99_ms: 91, per_s: 100 })
  })
  test('whose last request is sent late has a lower rate', () => {
    const late = burst(10, (at) => (at === 9 ? { sent_ms: 190, done_ms: 191 } : {}))
    expect(summarizeLoad([late], PACE)).toMatchObject({ p99_ms: 101, per_s: 50 })
    expect(summarizeLoad([late, burst(10)], PACE).per_s).toBeCloseTo(66.67, 2)
  })
  test('counts failures', () => {
    const some = burst(200, (at) => ({ ok: at !== 7 }))
    expect(summarizeLoad([some], PACE)).toMatchObject({ failed: 1, failed_share: 0.005 })
  })
  test('without requests has failed wholly', () => {
    const none = { requests: 0, failed: 0, failed_share: 1, p99_ms: Infinity, per_s: 0 }
    expect(summarizeLoad([], PACE)).toEqual(none)
    expect(summarizeLoad([[]], PACE)).toEqual(none)
  })
})

test('several runs give the widest change and the smallest p99 before', () => {
  const p99 = (p99_ms: number) => ({
    requests: 1,
    failed: 0,
    failed_share: 0,
    p99_ms,
    per_s: 1,
  })
  const runs = [
    { before: p99(9), during: p99(12.004) },
    { before: p99(4), during: p99(3) },
    { before: p99(30), during: p99(31) },
  ]
  expect(findWidestChange(runs)).toEqual({ p99_before_ms: 4, p99_change_ms: 3 })
  expect(findWidestChange(runs.slice(1, 2))).toEqual({ p99_before_ms: 4, p99_change_ms: -1 })
})
