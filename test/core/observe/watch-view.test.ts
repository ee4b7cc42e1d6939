import { describe, expect, test } from 'vitest'
import { reportObservation } from '../../../src/core/observe/report.ts'
import { buildWatchView } from '../../../src/core/observe/watch-view.ts'
import { makeMinutes, START } from './minutes.ts'
import { makeGate, makeStatus, makeView, NOTHING, NOW, readAway, readNow } from './watch-views.ts'

const OLD = { at_ms: NOW.at_ms - 20_000 }
const HOUR_MS = 3_600_000

describe('a part', () => {
  test('is waited for before its first reading, and nothing follows from it', () => {
    const view = buildWatchView(NOTHING, NOW)
    expect(Object.values(view.parts)).toEqual(Array(4).fill({ state: 'waiting' }))
    expect(view).toMatchObject({
      records: null,
      missing: null,
      verdict: null,
      expires: [],
      back: null,
    })
    expect(view.on.command).toBe('ff gate')
  })
  test('is fresh with its age', () => {
    expect(makeView().parts.cutover).toMatchObject({ state: 'fresh', age_s: 2 })
  })
  test('is stale once the next reading is overdue, and nothing follows from it', () => {
    const view = makeView({
      cutover: readNow(makeStatus(), OLD),
      gate: readNow(makeGate(), OLD),
      recording: readNow(reportObservation(makeMinutes(0, 120), NOW.wall_ms), OLD),
    })
    expect(view.parts.cutover).toMatchObject({ state: 'stale', age_s: 20 })
    expect(view).toMatchObject({
      records: null,
      missing: null,
      verdict: null,
      expires: [],
      back: null,
    })
    expect(view.on.command).toBe('ff cutover status')
  })
  test('is absent with the reason, and never with its last value', () => {
    expect(makeView({ recording: readAway('no folder') }).parts.recording).toEqual({
      state: 'absent',
      reason: 'no folder',
      age_s: 2,
    })
  })
})

describe('the recording', () => {
  test('misses hours until 48, and ages on after it was read', () => {
    const later = { ...NOW, wall_ms: NOW.wall_ms + 30_000 }
    const view = makeView({}, later)
    expect(view.parts.recording).toMatchObject({ value: { age_s: 30, clean_hours: 2 } })
    expect(view.records).toBe(true)
    expect(view.missing).toEqual({
      hours: 46,
      complete_at: new Date(later.wall_ms + 46 * HOUR_MS).toISOString(),
    })
  })
  test('that nothing writes to any more is never complete', () => {
    const view = makeView({}, { ...NOW, wall_ms: NOW.wall_ms + 301_000 })
    expect([view.records, view.missing?.complete_at]).toEqual([false, null])
  })
  test('without a minute records nothing', () => {
    const view = makeView({ recording: readNow(reportObservation([], NOW.wall_ms)) })
    expect([view.records, view.missing]).toEqual([false, { hours: 48, complete_at: null }])
  })
  test('with all hours misses none', () => {
    const wall_ms = START + 48 * HOUR_MS
    const recording = readNow(reportObservation(makeMinutes(0, 48 * 60), wall_ms))
    expect(makeView({ recording }, { ...NOW, wall_ms }).missing).toEqual({
      hours: 0,
      complete_at: null,
    })
  })
})

describe('the verdict', () => {
  test('is that of the gate', () => {
    expect(makeView().verdict).toBe('go')
    expect(
      makeView({ gate: readNow(makeGate({ verdict: 'no_go', valid_until: null })) }).verdict,
    ).toBe('no_go')
  })
  test('is no GO once its time is over, though it was judged before', () => {
    const view = makeView({}, { ...NOW, wall_ms: START + 3 * HOUR_MS })
    expect(view.verdict).toBe('not_ready')
    expect(view.on).toEqual({ command: 'ff gate', why: 'the GO is over' })
  })
})

describe('what expires', () => {
  test('is sorted, the soonest first, and counts on into the past', () => {
    const window = {
      from: new Date(START).toISOString(),
      until: new Date(START + HOUR_MS).toISOString(),
    }
    const drill_ends_at = new Date(NOW.wall_ms + 60_000).toISOString()
    const view = makeView({
      gate: readNow(makeGate({ window })),
      cutover: readNow(makeStatus({ drill_ends_at })),
    })
    expect(view.expires.map(({ what, in_s }) => [what, in_s])).toEqual([
      ['window of the plan', -3_600],
      ['drill', 60],
      ['GO', 3_600],
      ['A1', 7_200],
    ])
  })
})

describe('the command that leads on', () => {
  const block = { code: 'few_instances', detail: '1 of 2' } as const
  test.each([
    ['advances where nothing blocks the step', makeStatus({ blocks: [] }), 'ff cutover advance'],
    ['advances where the GO that it needs is there', makeStatus(), 'ff cutover advance'],
    [
      'advances where the step itself waits for the second side',
      makeStatus({ blocks: [{ code: 'mirror_behind', detail: '4 changes' }] }),
      'ff cutover advance',
    ],
    [
      'leads out of a standing',
      makeStatus({
        next: { standing: 'chains_forked', command: 'ff cutover rollback --db-lost' },
      }),
      'ff cutover rollback --db-lost',
    ],
    ['explains a block', makeStatus({ blocks: [block] }), 'ff cutover status'],
    [
      'is none in a drill, which goes back by itself',
      makeStatus({ drill_ends_at: '2026-12-01T00:00:00.000Z' }),
      null,
    ],
    [
      'is none at the end',
      makeStatus({ phase: 'complete', blocks: [], next: { standing: 'finished', command: 'x' } }),
      null,
    ],
  ])('%s', (_, status, command) => {
    expect(makeView({ cutover: readNow(status) }).on.command).toBe(command)
  })
  test.each([
    [
      'that of the gate where it says no GO',
      readNow(makeGate({ verdict: 'no_go', next: 'ff probe run A1', fix: 'measure' })),
      'ff probe run A1',
    ],
    ['none where the gate needs a person', readNow(makeGate({ verdict: 'not_ready' })), null],
    ['the gate itself where it is not known', readAway<never>('no folder'), 'ff gate'],
    ['the gate itself where it is old', readNow(makeGate(), OLD), 'ff gate'],
  ])('to a step that needs a GO is %s', (_, gate, command) => {
    expect(makeView({ gate }).on.command).toBe(command)
  })
  test('is never a step where the cutover is not known', () => {
    const cutover = readAway<never>('no store')
    expect(makeView({ cutover }).on.command).toBe('ff cutover status')
    const gate = readNow(makeGate({ verdict: 'no_go', next: 'ff probe run A1' }))
    expect(makeView({ cutover, gate }).on.command).toBe('ff probe run A1')
  })
})

test('the way back leads to the phase before, and there is none from the file', () => {
  expect(makeView().back).toBe('ff cutover rollback --to dual_write')
  expect(makeView({ cutover: readNow(makeStatus({ phase: 'file' })) }).back).toBeNull()
})
