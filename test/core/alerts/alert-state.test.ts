import { describe, expect, test } from 'vitest'
import { evaluateAlert } from '../../../src/core/alerts/alert-state.ts'
import { estimateQuantile } from '../../../src/core/alerts/series.ts'
import type { AlertMeasure, AlertRule, Sample, Scrape } from '../../../src/core/alerts/types.ts'

const EVERY_MS = 15_000
const one = (name: string, value: number, labels: Sample['labels'] = {}): Sample => ({
  name,
  value,
  labels,
})
/** Scrapes 15 s apart. */
const scrapes = (...each: readonly (readonly Sample[])[]): readonly Scrape[] =>
  each.map((samples, at) => ({ at_ms: at * EVERY_MS, samples }))
const series = (name: string, values: readonly number[], labels: Sample['labels'] = {}) =>
  scrapes(...values.map((value) => [one(name, value, labels)]))
const getRule = (measure: AlertMeasure, change: Partial<AlertRule> = {}): AlertRule => ({
  id: 'x',
  measure,
  op: 'above',
  threshold: 0,
  for_s: 0,
  ...change,
})
const of = (metric: string, labels: Readonly<Record<string, readonly string[]>> = {}) => ({
  metric,
  labels,
})

describe('a value', () => {
  const up = getRule({ kind: 'value', of: of('up') }, { op: 'below', threshold: 1, for_s: 30 })
  test('fires the rule once it has held for its time, up to now', () => {
    expect(evaluateAlert(up, series('up', [1, 1]))).toBe('clear')
    expect(evaluateAlert(up, series('up', [1, 0, 0]))).toBe('pending')
    expect(evaluateAlert(up, series('up', [1, 0, 0, 0]))).toBe('firing')
    expect(evaluateAlert(up, series('up', [0, 0, 0, 1]))).toBe('clear')
    expect(evaluateAlert(up, series('up', [0, 1, 0]))).toBe('pending')
  })
  test('without any sample does not fire', () => {
    expect(evaluateAlert(up, series('other', [0, 0, 0, 0]))).toBe('clear')
    expect(evaluateAlert(up, [])).toBe('clear')
  })
  test('is above only beyond the threshold, and only for the named labels', () => {
    const rule = getRule(
      { kind: 'value', of: of('x', { state: ['open', 'ajar'] }) },
      { threshold: 1 },
    )
    expect(evaluateAlert(rule, series('x', [2], { state: 'ajar' }))).toBe('firing')
    expect(evaluateAlert(rule, series('x', [1], { state: 'open' }))).toBe('clear')
    expect(evaluateAlert(rule, series('x', [2], { state: 'closed' }))).toBe('clear')
    expect(evaluateAlert(rule, series('x', [2]))).toBe('clear')
  })
})

test('a share sums all series', () => {
  const rule = getRule({ kind: 'share', of: of('now'), to: of('most') }, { threshold: 0.8 })
  const at = (...samples: readonly Sample[]) => evaluateAlert(rule, scrapes(samples))
  expect(at(one('now', 5), one('now', 4, { a: '1' }), one('most', 10))).toBe('firing')
  expect(at(one('now', 8), one('most', 10))).toBe('clear')
  expect(at(one('now', 8))).toBe('clear')
  expect(at(one('most', 8))).toBe('clear')
  expect(at(one('now', 0), one('most', 0))).toBe('clear')
  expect(at(one('now', 1), one('most', 0))).toBe('firing')
})

describe('a rate', () => {
  const rule = getRule({ kind: 'rate', of: of('n'), window_s: 60 }, { threshold: 1 })
  test('is the increase of a counter per second', () => {
    expect(evaluateAlert(rule, series('n', [100, 115]))).toBe('clear')
    expect(evaluateAlert(rule, series('n', [100, 116]))).toBe('firing')
  })
  test('needs two scrapes within the window', () => {
    expect(evaluateAlert(rule, series('n', [1000]))).toBe('clear')
    expect(evaluateAlert(rule, series('n', [0, 900, 900, 900, 900, 900]))).toBe('clear')
    expect(evaluateAlert(rule, series('n', [0, 900, 900, 900, 900]))).toBe('firing')
  })
  test('continues where a counter was reset to 0', () => {
    expect(evaluateAlert(rule, series('n', [1000, 20]))).toBe('firing')
    expect(evaluateAlert(rule, series('n', [1000, 10]))).toBe('clear')
  })
  test('separates series, whatever the order of their labels', () => {
    const two = scrapes(
      [one('n', 10, { a: '1', b: '2' }), one('n', 900, { a: '2', b: '2' })],
      [one('n', 900, { a: '2', b: '2' }), one('n', 10, { b: '2', a: '1' })],
    )
    expect(evaluateAlert(rule, two)).toBe('clear')
  })
})

test('a ratio divides two rates', () => {
  const rule = getRule(
    { kind: 'ratio', of: of('n', { code: ['500'] }), to: of('n'), window_s: 60 },
    { threshold: 0.5 },
  )
  const at = (bad: readonly number[], good: readonly number[]) =>
    evaluateAlert(
      rule,
      scrapes(...bad.map((n, at) => [one('n', n, { code: '500' }), one('n', good[at] ?? 0)])),
    )
  expect(at([0, 3], [0, 2])).toBe('firing')
  expect(at([0, 2], [0, 2])).toBe('clear')
  expect(at([1, 1], [1, 1])).toBe('clear')
  expect(evaluateAlert(rule, series('n', [0, 9]))).toBe('clear')
})

describe('a quantile', () => {
  const buckets = (counts: Readonly<Record<string, number>>): readonly Sample[] =>
    Object.entries(counts).map(([le, value]) => one('s_bucket', value, { le }))
  const rule = getRule(
    { kind: 'quantile', of: of('s'), quantile: 0.9, window_s: 60 },
    { threshold: 0.15 },
  )
  const none = buckets({ '0.1': 0, '0.2': 0, '+Inf': 0 })
  test('uses the observations within the window', () => {
    const slow = buckets({ '0.1': 50, '0.2': 100, '+Inf': 100 })
    expect(evaluateAlert(rule, scrapes(none, slow))).toBe('firing')
    expect(evaluateAlert(rule, scrapes(slow, slow))).toBe('clear')
    expect(
      evaluateAlert(rule, scrapes(none, buckets({ '0.1': 100, '0.2': 100, '+Inf': 100 }))),
    ).toBe('clear')
  })
  const risen = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([le, per_second]) => ({ labels: { le }, per_second }))
  test('is interpolated linearly within a bucket', () => {
    expect(estimateQuantile(risen({ '2': 10, '1': 5, '+Inf': 10 }), 0.75)).toBe(1.5)
    expect(estimateQuantile(risen({ '1': 10, '+Inf': 10 }), 0.5)).toBe(0.5)
  })
  test('beyond the last bound is that bound, and without observations absent', () => {
    expect(estimateQuantile(risen({ '1': 1, '+Inf': 10 }), 0.9)).toBe(1)
    expect(estimateQuantile(risen({ '1': 0, '+Inf': 0 }), 0.9)).toBeNull()
    expect(estimateQuantile([], 0.9)).toBeNull()
  })
  test('sums the buckets of several series, and ignores one without a bound', () => {
    const twice = [...risen({ '1': 1, '+Inf': 1 }), ...risen({ '1': 1, '+Inf': 3 })]
    expect(estimateQuantile(twice, 0.25)).toBe(0.5)
    expect(estimateQuantile([{ labels: {}, per_second: 4 }, ...risen({ '+Inf': 8 })], 1)).toBe(0)
  })
})
