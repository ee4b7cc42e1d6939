import { describe, expect, test } from 'vitest'
import type { Sample } from '../../../src/core/alerts/types.ts'
import type { InstanceReading } from '../../../src/core/observe/fold.ts'
import {
  keepWindow,
  summarizeTraffic,
  TRAFFIC_WINDOW_MS,
  type TrafficReading,
} from '../../../src/core/observe/traffic.ts'

type Labels = Sample['labels']
const one = (name: string, value: number, labels: Labels = {}): Sample => ({ name, value, labels })
const read = (at_ms: number, samples: readonly Sample[]): InstanceReading => ({
  identity: 'x',
  scrape: { at_ms, samples: [one('process_start_time_seconds', 1), ...samples] },
})
const take = (
  at_ms: number,
  ...samples: readonly (readonly Sample[] | null)[]
): TrafficReading => ({
  at_ms,
  readings: samples.map((each) => (each === null ? null : read(at_ms, each))),
})
const write = (count: number, le: string): Sample =>
  one('ff_http_request_duration_seconds_bucket', count, { route: 'flags.put', le })
const request = (status: string, count: number): Sample =>
  one('ff_http_requests_total', count, { route: 'flags.evaluate', status })

describe('what the instances do', () => {
  test('is rates over the window, and the rest since each was started', () => {
    const before = take(1_000, [
      request('200', 10),
      write(3, '0.1'),
      write(3, '+Inf'),
      one('ff_shadow_divergences_total', 2, { field: '/value' }),
      one('ff_shadow_compared_total', 5, { reason: 'fail_safe' }),
    ])
    const last = take(3_000, [
      request('200', 30),
      request('503', 1),
      write(5, '0.1'),
      write(7, '+Inf'),
      one('ff_shadow_divergences_total', 2, { field: '/value' }),
      one('ff_shadow_compared_total', 8, { reason: 'fail_safe' }),
      one('ff_cutover_phase', 0, { phase: 'file' }),
      one('ff_cutover_phase', 1, { phase: 'dual_write' }),
      one('ff_cutover_epoch', 4),
      one('ff_cutover_writer', 1),
      one('ff_cutover_lag_changes', 2),
      one('ff_cutover_lag_seconds', 0.5),
      one('ff_audit_pending', 3),
      one('ff_audit_failed', 1),
      one('ff_audit_oldest_pending_seconds', 9),
    ])
    expect(summarizeTraffic(['http://a'], { before: [before], last })).toMatchObject({
      window_s: 2,
      instances: [
        { admin: 'http://a', answers: true, phase: 'dual_write', epoch: 4, writer: true },
      ],
      requests: 21,
      errors: 1,
      writes: { count: 4, p99_ms: 100 },
      compared: 8,
      divergences: { '/value': 2 },
      lag: { changes: 2, ms: 500 },
      audit: { pending: 3, failed: 1, oldest_s: 9 },
    })
  })
  test('counts a route from its first request on', () => {
    const last = take(2_000, [write(6, '0.1'), write(6, '+Inf')])
    expect(summarizeTraffic(['a'], { before: [take(0, [])], last }).writes.count).toBe(6)
  })
  test('has no rate after the first reading', () => {
    expect(
      summarizeTraffic(['http://a'], { before: [], last: take(0, [request('200', 9)]) }),
    ).toMatchObject({
      window_s: 0,
      requests: 0,
      writes: { count: 0, p99_ms: null },
      instances: [{ answers: true, phase: null, epoch: null, writer: null }],
      lag: null,
      audit: null,
    })
  })
  test('names an instance that does not answer, and counts no request for it', () => {
    const before = take(0, null, [request('200', 1)], [])
    const last = take(1_000, [], [request('200', 4)], null)
    expect(summarizeTraffic(['a', 'b', 'c'], { before: [before], last })).toMatchObject({
      instances: [
        { admin: 'a', answers: true },
        { admin: 'b', answers: true },
        { admin: 'c', answers: false },
      ],
      requests: 3,
      errors: 0,
    })
  })
})

describe('the window', () => {
  test('begins at the last reading before it', () => {
    const readings = [0, 10_000, 20_000, 30_000].map((at_ms) => take(at_ms))
    const at = 15_000 + TRAFFIC_WINDOW_MS
    expect(keepWindow(readings, at).map(({ at_ms }) => at_ms)).toEqual([10_000, 20_000, 30_000])
    expect(keepWindow(readings, 1_000).length).toBe(4)
  })
  test('begins at the last reading of all where that is older', () => {
    const readings = [0, 10_000].map((at_ms) => take(at_ms))
    expect(keepWindow(readings, 1e9).map(({ at_ms }) => at_ms)).toEqual([10_000])
    expect(keepWindow([], 5)).toEqual([])
  })
})
