import { describe, expect, it } from 'vitest'
import { judgeObservation, type ObservationBounds } from '../../../src/core/observe/judge.ts'
import type { ObservedMinute } from '../../../src/core/observe/minute.ts'
import { at, makeMinute, makeMinutes } from './minutes.ts'

const BOUNDS: ObservationBounds = {
  hours: 2,
  instances: 2,
  gap_s: 300,
  error_share: 0.01,
  p99_ratio: 1.25,
  p99_floor_ms: 50,
  restarts_per_hour: 2,
  drill_minutes: 15,
}
const REASONS = ['default', 'kill_switch']
const judge = (...parts: readonly (ObservedMinute | readonly ObservedMinute[])[]) =>
  judgeObservation(parts.flat(), BOUNDS, REASONS)

describe('judgeObservation', () => {
  it('finds nothing in an empty recording, and no share of it that could hold', () => {
    expect(judge()).toEqual({
      window: null,
      complete: false,
      judged: [],
      restarts: [],
      unseen: REASONS,
      measured: {
        contiguous_h: 0,
        coverage_share: 0,
        longest_gap_s: 0,
        comparisons: 0,
        reasons_unseen: 2,
        divergences: 0,
        in_flight_share: 1,
        bounds_broken: 0,
        identities: 0,
      },
    })
  })

  it('counts a clean recording by its minutes, and is complete at the last one of the bound', () => {
    const almost = judge(makeMinutes(0, 119))
    expect([almost.complete, almost.measured.contiguous_h]).toEqual([false, 1.98])
    const whole = judge(makeMinutes(0, 120))
    expect(whole.window).toEqual({ from: at(0), until: at(119), hours: 2 })
    expect([whole.complete, whole.measured.comparisons, whole.unseen]).toEqual([true, 18_000, []])
  })

  it('looks at the newest hours alone once these are clean', () => {
    const judged = judge(makeMinutes(0, 10, { divergences: { reason: 1 } }), makeMinutes(10, 140))
    expect(judged.window).toEqual({ from: at(20), until: at(139), hours: 2 })
    expect(judged.measured.divergences).toBe(0)
  })

  const CLEAN = makeMinutes(0, 60)
  const AFTER = makeMinutes(61, 121)
  it.each([
    [
      'a divergence',
      { divergences: { value: 0, reason_chain: 2 } },
      'divergence',
      'reason_chain 2 times',
    ],
    ['an error rate', { errors: 2 }, 'errors', '2 of 150'],
    ['an instance that does not answer', { instances: 1 }, 'silent', '1 of 2'],
    ['errors without requests', { requests: 0, errors: 1 }, 'errors', '1 of 0'],
    ['no instance', { identities: [] }, 'identity', 'one became none'],
    ['a minute that took two', { measured_ms: 120_000 }, 'clock', '120000 ms'],
    ['many starts', { restarts: 3 }, 'restarts', '3 starts'],
    [
      'a slow database',
      {
        latency: {
          file: { p50: 1, p95: 1, p99: 48 },
          database: { p50: 1, p95: 1, p99: 61 },
        },
      },
      'latency',
      '61 ms, of at most 60',
    ],
  ] as const)('begins again after %s', (_, change, cause, detail) => {
    const judged = judge(CLEAN, makeMinute(60, change), AFTER)
    expect(judged.restarts[0]).toMatchObject({ at: at(60), cause })
    expect(judged.restarts[0]?.detail).toContain(detail)
    expect(judged.window?.from).toBe(at(61))
    expect(judged.complete).toBe(false)
  })

  it('keeps what the same identity has done wrong in sight', () => {
    const dirty = makeMinute(60, { divergences: { value: 3 } })
    const { measured } = judge(CLEAN, dirty, AFTER)
    expect([measured.divergences, measured.bounds_broken]).toEqual([3, 1])
    expect(judge(CLEAN, dirty, makeMinutes(61, 181)).measured.divergences).toBe(0)
    const fixed = judge(CLEAN, dirty, makeMinutes(61, 121, { identities: ['two'] }))
    expect([fixed.measured.divergences, fixed.measured.identities]).toEqual([0, 1])
    expect(fixed.restarts.map(({ cause }) => cause)).toEqual(['divergence'])
  })

  it('begins again at the first minute behind a gap, which stays in sight', () => {
    expect(judge(CLEAN, makeMinutes(65, 70)).restarts).toEqual([])
    const judged = judge(CLEAN, makeMinutes(66, 126))
    expect(judged.restarts).toEqual([
      { at: at(66), cause: 'gap', detail: '360 s without a minute, of at most 300' },
    ])
    expect(judged.window).toMatchObject({ from: at(66), hours: 1 })
    expect(judged.measured).toMatchObject({ longest_gap_s: 360, coverage_share: 114 / 120 })
  })

  it('begins again where the clock was set back', () => {
    const judged = judge(CLEAN, makeMinutes(30, 60))
    expect(judged.restarts.map(({ cause, at: when }) => [cause, when])).toEqual([['clock', at(30)]])
    expect(judged.window?.hours).toBe(0.5)
  })

  it('sees two versions at once', () => {
    const judged = judge(makeMinutes(0, 120, { identities: ['one', 'two'] }))
    expect(judged.measured.identities).toBe(2)
  })

  it('says that no instance answered where none ever did', () => {
    const judged = judge(makeMinute(0, { identities: [] }))
    expect([judged.window, judged.measured.bounds_broken]).toEqual([null, 1])
  })

  it('lists a stretch of bad minutes once', () => {
    const judged = judge(CLEAN, makeMinutes(60, 70, { errors: 9 }), makeMinutes(70, 75))
    expect(judged.restarts).toHaveLength(1)
    expect(judged.measured.bounds_broken).toBe(10)
  })

  describe('once it is complete', () => {
    const WHOLE = makeMinutes(0, 120)
    it('excuses a bound that breaks while a probe disturbs the instances', () => {
      const judged = judge(WHOLE, makeMinutes(120, 125, { errors: 9, disturbed_by: ['D3'] }))
      expect(judged.complete).toBe(true)
      expect(judged.window?.until).toBe(at(119))
      expect(judged.restarts).toEqual([])
    })
    it('excuses no divergence, and no minute that nothing disturbed', () => {
      const diverging = makeMinute(120, { divergences: { value: 1 }, disturbed_by: ['D3'] })
      expect(judge(WHOLE, diverging).window).toBeNull()
      expect(judge(WHOLE, makeMinute(120, { errors: 9 })).complete).toBe(false)
    })
    it('excuses nothing before', () => {
      const early = makeMinute(60, { errors: 9, disturbed_by: ['D3'] })
      expect(judge(CLEAN, early).window).toBeNull()
    })
  })

  describe('a drill', () => {
    const DRILL = { drill: true, errors: 100 }
    it('counts for nothing, and begins nothing again', () => {
      const judged = judge(CLEAN, makeMinutes(60, 75, DRILL), makeMinutes(75, 135))
      expect(judged.restarts).toEqual([])
      expect(judged.window).toEqual({ from: at(0), until: at(134), hours: 2 })
    })
    it('is bounded, and hides no divergence', () => {
      const long = judge(CLEAN, makeMinutes(60, 76, DRILL))
      expect(long.restarts[0]).toMatchObject({ at: at(75), cause: 'drill' })
      const wrong = judge(CLEAN, makeMinute(60, { ...DRILL, divergences: { value: 1 } }))
      expect(wrong.restarts[0]?.cause).toBe('divergence')
    })
  })

  it.each([
    ['nothing', { compared: {} }],
    ['less than was dropped', { dropped: 150 }],
  ] as const)('counts no minute that compared %s, and begins nothing again', (_, change) => {
    const judged = judge(CLEAN, makeMinutes(60, 120, change))
    expect(judged.restarts).toEqual([])
    expect([judged.complete, judged.window?.hours]).toEqual([false, 1])
    const later = judge(CLEAN, makeMinutes(60, 120, change), makeMinutes(120, 180))
    expect(later.window).toEqual({ from: at(0), until: at(179), hours: 2 })
  })

  it('counts starts of the last hour alone', () => {
    const spread = [...makeMinutes(0, 120)]
    for (const minute of [0, 40, 61, 101]) spread[minute] = makeMinute(minute, { restarts: 1 })
    expect(judge(spread).restarts).toEqual([])
  })

  it('counts what is in flight as a share of all that was looked at', () => {
    const judged = judge(makeMinutes(0, 120, { compared: { default: 9 }, in_flight: 1 }))
    expect(judged.measured.in_flight_share).toBe(0.1)
    expect(judged.unseen).toEqual(['kill_switch'])
  })

  it('needs no answer of the file to judge the database', () => {
    const none = { p50: null, p95: null, p99: null }
    const latency = { file: none, database: { p50: 1, p95: 1, p99: 51 } }
    expect(judge(makeMinute(0, { latency })).measured.bounds_broken).toBe(1)
    expect(judge(makeMinute(0, { latency: { file: none, database: none } })).window).not.toBeNull()
  })

  it('does not count a minute in which an instance was started anew, whose counts are lost', () => {
    const restarted = makeMinute(60, { restarts: 1 })
    const found = judge(makeMinutes(0, 60), restarted, makeMinutes(61, 120))
    expect([found.complete, found.measured.contiguous_h, found.restarts]).toEqual([false, 1.98, []])
    expect(found.measured.coverage_share).toBeCloseTo(119 / 120)
    expect(found.judged[60]?.standing).toBe('idle')
  })
})
