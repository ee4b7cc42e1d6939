import { describe, expect, it } from 'vitest'
import { reportObservation } from '../../../src/core/observe/report.ts'
import { at, makeMinute, makeMinutes, START } from './minutes.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import { MINUTE_MS } from '../../../src/core/observe/minute.ts'

const standings = (minutes: Parameters<typeof reportObservation>[0]) =>
  reportObservation(minutes, 0).timeline.map(({ standing }) => standing)

describe('reportObservation', () => {
  it('has nothing to say of an empty recording', () => {
    expect(reportObservation([], 0)).toMatchObject({
      minutes: 0,
      from: null,
      until: null,
      age_s: null,
      complete: false,
      clean_hours: 0,
      latency: null,
      timeline: [],
    })
  })
  it('says how old the last minute is, and how many hours are clean', () => {
    const report = reportObservation(makeMinutes(0, 90), START + 91 * MINUTE_MS + 500)
    expect(report).toMatchObject({ from: at(0), until: at(89), age_s: 61, clean_hours: 1.5 })
    expect(reportObservation(makeMinutes(0, 1), 0).age_s).toBe(0)
  })
  it('shows each hour as clean, with a gap, or broken', () => {
    const parts = [
      ...makeMinutes(0, 60),
      ...makeMinutes(60, 110),
      ...makeMinutes(120, 150),
      makeMinute(150, { divergences: { '/value': 1 } }),
      ...makeMinutes(151, 180),
      makeMinute(180, { errors: 9 }),
      ...makeMinutes(181, 240),
      ...makeMinutes(300, 305),
    ]
    expect(standings(parts)).toEqual(['clean', 'gap', 'broken', 'broken', 'gap', 'clean'])
  })
  it('shows the hours until the last minute, though one before is dated far ahead', () => {
    const ahead = makeMinute(60, { minute: '2999-01-01T00:00:00.000Z' as Instant })
    expect(standings([...makeMinutes(0, 60), ahead, ...makeMinutes(60, 90)])).toEqual([
      'clean',
      'broken',
    ])
  })
  it('shows 48 hours, and the newest ten restarts', () => {
    const identities = (number: number) => ({ identities: [`${Math.floor(number / 60)}`] })
    const long = Array.from({ length: 60 * 60 }, (_, number) =>
      makeMinute(number, identities(number)),
    )
    const report = reportObservation(long, 0)
    expect(report.timeline).toHaveLength(48)
    expect(report.restarts).toHaveLength(10)
    expect(report.restarts[0]?.at).toBe(at(59 * 60))
  })
})
