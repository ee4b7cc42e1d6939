import { describe, expect, it } from 'vitest'
import type { Sample } from '../../../src/core/alerts/types.ts'
import { foldMinute, type InstanceReading } from '../../../src/core/observe/fold.ts'
import { MINUTE_MS } from '../../../src/core/observe/minute.ts'
import { at } from './minutes.ts'

type Labels = Sample['labels']
const one = (name: string, value: number, labels: Labels = {}): Sample => ({ name, value, labels })
const read = (at_ms: number, samples: readonly Sample[], identity = 'x'): InstanceReading => ({
  identity,
  scrape: { at_ms, samples: [one('process_start_time_seconds', 1), ...samples] },
})
const TERMS = { minute: at(0), measured_ms: MINUTE_MS, disturbed_by: ['D1'] }
const fold = (
  before: readonly (InstanceReading | null)[],
  after: readonly (InstanceReading | null)[],
  connections: { used: number; limit: number } | null = null,
) => foldMinute({ before, after, connections }, TERMS)
const requests = (status: string, value: number, route = 'flags.evaluate'): Sample =>
  one('ff_http_requests_total', value, { route, status })

describe('foldMinute', () => {
  it('sums what the instances counted in between', () => {
    const minute = fold(
      [read(0, [requests('200', 5)]), read(0, [requests('200', 1)])],
      [
        read(MINUTE_MS, [
          requests('200', 15),
          requests('503', 2),
          requests('200', 9, 'metrics'),
          one('ff_shadow_in_flight_total', 1),
          one('ff_shadow_dropped_total', 2),
          one('ff_shadow_failures_total', 3),
          one('ff_shadow_divergences_total', 4, { field: '/value' }),
        ]),
        read(MINUTE_MS, [requests('200', 2, 'flags.evaluate')]),
      ],
    )
    expect(minute).toMatchObject({
      ...TERMS,
      requests: 13,
      errors: 2,
      in_flight: 1,
      dropped: 5,
      divergences: { '/value': 4 },
      identities: ['x'],
      instances: 2,
      drill: false,
      lag_ms: null,
    })
  })

  it('reads the percentiles of each side, also of an instance that has just started', () => {
    const buckets = (count: number): readonly Sample[] => [
      one('ff_shadow_read_duration_seconds_bucket', count, { side: 'file', le: '0.001' }),
      one('ff_shadow_read_duration_seconds_bucket', count, { side: 'file', le: '+Inf' }),
    ]
    const { latency } = fold([read(0, buckets(0))], [read(MINUTE_MS, buckets(10))])
    expect(latency).toEqual({
      file: { p50: 0.5, p95: 0.95, p99: 0.99 },
      database: { p50: null, p95: null, p99: null },
    })
    const started = read(MINUTE_MS, [...buckets(10), one('process_start_time_seconds', 7)])
    const fresh = fold([read(0, buckets(500))], [started])
    expect(fresh.restarts).toBe(1)
    expect(fresh.latency.file.p50).toBe(0.5)
  })

  it('takes the resources of the instance that uses most of them, and everything where nothing is known', () => {
    const memory = (used: number, limit: number): readonly Sample[] => [
      one('process_resident_memory_bytes', used),
      one('ff_memory_limit_bytes', limit),
    ]
    const readings = [read(0, memory(10, 100)), read(0, memory(30, 200))]
    const { resources } = fold(readings, readings, { used: 5, limit: 50 })
    expect(resources).toEqual({
      memory: { used: 30, limit: 200 },
      connections: { used: 5, limit: 50 },
      disk: { used: 1, limit: 1 },
    })
    expect(fold(readings, readings).resources.connections).toEqual({ used: 1, limit: 1 })
  })

  it('shows the longest lag and a drill of any instance', () => {
    const samples = [one('ff_cutover_lag_seconds', 0.25), one('ff_cutover_drill', 1)]
    const minute = fold([read(0, [])], [read(MINUTE_MS, samples)])
    expect([minute.lag_ms, minute.drill]).toEqual([250, true])
  })

  it('counts an instance that was not there before as an error', () => {
    expect(fold([], [read(MINUTE_MS, [])])).toMatchObject({ errors: 1, instances: 1 })
    expect(fold([null], [null])).toMatchObject({ errors: 1, identities: [] })
  })

  it('loses no divergence that names no field', () => {
    const samples = [one('ff_shadow_divergences_total', 2)]
    expect(fold([read(0, [])], [read(MINUTE_MS, samples)]).divergences).toEqual({ '': 2 })
  })

  it('lists two identities in one order', () => {
    const pair = [read(0, [], 'b'), read(0, [], 'a')]
    expect(fold(pair, pair).identities).toEqual(['a', 'b'])
  })
})
