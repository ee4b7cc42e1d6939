import { describe, expect, test } from 'vitest'
import { judgeObservation } from '../../../src/core/observe/judge.ts'
import { OBSERVATION_BOUNDS } from '../../../src/core/observe/bounds.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import type { ObservedMinute } from '../../../src/core/observe/minute.ts'
import { buildSeries, type ObservationSeries } from '../../../src/core/observe/series.ts'
import { at, makeMinute, makeMinutes } from './minutes.ts'

const series = (minutes: readonly ObservedMinute[]): ObservationSeries =>
  buildSeries(judgeObservation(minutes, { ...OBSERVATION_BOUNDS, hours: 48, instances: 2 }, []))
const spansOf = (minutes: readonly ObservedMinute[]) =>
  series(minutes).hours.map(({ spans }) =>
    spans.map(({ state, from, minutes: count }) => `${state} ${from}+${count}`),
  )

describe('the hours of a recording', () => {
  test('are none without a minute', () => {
    expect(series([])).toEqual({ hours: [], restarts: [], compared: {}, divergences: {} })
  })
  test('begin with the first minute and end with the last one', () => {
    expect(spansOf(makeMinutes(50, 130))).toEqual([['clean 50+10'], ['clean 0+60'], ['clean 0+10']])
  })
  test('show what is missing, also a whole hour, and what began the time again', () => {
    const minutes = [...makeMinutes(0, 30), ...makeMinutes(150, 180)]
    expect(spansOf(minutes)).toEqual([
      ['clean 0+30', 'gap 30+30'],
      ['gap 0+60'],
      ['gap 0+30', 'clean 30+30'],
    ])
    expect(series(minutes).restarts).toEqual([
      expect.objectContaining({ cause: 'gap', at: at(150) }),
    ])
  })
  test('leave out a longer stretch than 48 hours, which a minute far ahead makes', () => {
    const ahead = makeMinute(0, { minute: '2999-01-01T00:00:00.000Z' as Instant })
    const { hours } = series([...makeMinutes(0, 60), ahead, ...makeMinutes(60, 90)])
    expect(hours.map(({ hour }) => hour)).toEqual([at(0), at(60), '2999-01-01T00:00:00.000Z'])
  })
  test('show minutes that a probe disturbed, of a drill, idle and broken ones', () => {
    const minutes = [
      makeMinute(0, { disturbed_by: ['D1'] }),
      makeMinute(1, { drill: true }),
      makeMinute(2, { compared: {} }),
      makeMinute(3, { divergences: { '/value': 2 } }),
      makeMinute(4, { divergences: { '/value': 1, stale: 1 } }),
    ]
    expect(spansOf(minutes)).toEqual([['disturbed 0+1', 'drill 1+1', 'idle 2+1', 'broken 3+2']])
    expect(series(minutes).divergences).toEqual({ '/value': 3, stale: 1 })
  })
  test('show the worse of a minute that is there twice', () => {
    const broken = makeMinute(1, { divergences: { '/value': 1 } })
    expect(spansOf([makeMinute(0), makeMinute(1), broken, makeMinute(1)])).toEqual([
      ['clean 0+1', 'broken 1+1'],
    ])
  })
  test('hold the highest latency of their minutes and the sums of their counts', () => {
    const file = { p50: 1, p95: 9, p99: null }
    const none = { p50: null, p95: null, p99: null }
    const minutes = [
      makeMinute(0, { latency: { file, database: none }, errors: 0, restarts: 1 }),
      makeMinute(1, { latency: { file: { p50: 3, p95: 2, p99: null }, database: none } }),
    ]
    expect(series(minutes).hours[0]).toMatchObject({
      latency: { file: { p50: 3, p95: 9, p99: null }, database: none },
      compared: 300,
      requests: 300,
      errors: 0,
      restarts: 1,
      divergences: 0,
    })
    expect(series(minutes).compared).toEqual({ default: 200, kill_switch: 100 })
  })
})
