import { describe, expect, test } from 'vitest'
import { parseDurationMs, findEarliest, addMs } from '../../../src/core/gate/duration.ts'
import { judgeLimits } from '../../../src/core/gate/limits.ts'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import {
  findNextCommand,
  buildRemeasureCommand,
  findSealCommand,
  findTrustCommand,
} from '../../../src/core/gate/next.ts'
import type { GateItemState } from '../../../src/core/gate/types.ts'
import { at, CHECKLIST, go, IDENTITY, toItem, NOW, whole } from './builders.ts'

describe('durations', () => {
  test.each([
    ['PT1H', 3_600_000],
    ['P7D', 604_800_000],
    ['P1W', 0],
    ['', 0],
  ])('%s', (text, ms) => expect(parseDurationMs(text)).toBe(ms))
  test('a sum is at most the end of the year 9999', () =>
    expect(addMs(NOW, 1e18)).toBe('9999-12-31T23:59:59.999Z'))
  test('the earliest time, and null without any', () => {
    expect(findEarliest([at(2), null, at(1)])).toBe(at(1))
    expect(findEarliest([null])).toBeNull()
  })
})

test.each([
  [4, 10, true],
  [4, Number.NaN, false],
  [4.9, 'ten', false],
] as const)(
  'a lower bound may be lowered by a factor of another measure: %s, %s',
  (rate, other, held) => {
    const or_times = { factor: 0.4, measure: 'other' }
    const limit = { measure: 'rate', op: 'at_least', value: 5, unit: '', or_times } as const
    expect(judgeLimits([limit], { rate, other })).toEqual([{ limit, value: rate, held }])
  },
)

describe('the next command', () => {
  test.each<readonly [string, GateItemState, readonly string[], string | null]>([
    ['A1', 'pass', [], null],
    ['H4', 'waived', ['limit_broken'], null],
    ['A1', 'pending', ['no_record'], 'ff probe run A1'],
    ['A1', 'fail', ['limit_broken'], 'ff probe run A1'],
    ['A1', 'inconclusive', ['control_not_run'], 'ff probe selftest A1'],
    ['H2', 'inconclusive', ['control_not_run'], 'ff probe selftest H2'],
    ['H2', 'inconclusive', ['too_few_samples'], 'ff probe run H2'],
    ['J2', 'pending', ['signature_missing'], 'ff signoff sign'],
    ['J3', 'stale', ['accepted_since_signing'], 'ff signoff request'],
    ['J3', 'stale', ['failed_since_signing'], 'ff signoff request'],
    ['J2', 'stale', ['attempt_ended'], 'ff signoff request'],
    ['B1', 'stale', ['attempt_ended'], `grep -n '"attempt"' checklists/plan.json`],
    ['J3', 'fail', ['key_unknown'], 'ff signoff verify'],
    ['J2', 'stale', ['evidence_old'], 'ff probe run J2'],
    ['G3', 'pending', ['attestation_missing'], 'ff signoff sign'],
    ['J2', 'stale', ['signature_old'], 'ff signoff request'],
    ['J3', 'stale', ['signature_withdrawn'], 'ff signoff request'],
    [
      'B1',
      'error',
      ['evidence_cut'],
      'mv .ff/evidence .ff/evidence.old && ff evidence seal --first && ff probe run',
    ],
    ['B1', 'error', ['trust_rolled_back'], 'ff trust show'],
  ])('%s, %s %j', (id, state, codes, command) =>
    expect(findNextCommand(toItem(id), { state, codes })).toBe(command),
  )
  test.each([
    [['log_missing'], null, 'ff evidence seal'],
    [['waivers_too_many', 'head_stale'], null, 'ff evidence seal'],
    [['trust_pin_missing'], 'ff trust pin', null],
    [['head_stale', 'trust_rolled_back'], 'ff trust show', 'ff evidence seal'],
    [['waivers_too_many'], null, null],
    [[], null, null],
  ])('the faults %j of the run: %s before the items, %s after', (codes, before, after) => {
    const faults = codes.map((code) => ({ code, detail: '' }))
    expect([findTrustCommand(faults), findSealCommand(faults)]).toEqual([before, after])
  })
  test('one command measures exactly the stale and never measured items', () => {
    const identity = { ...IDENTITY, attempt: 2 }
    // The items of the target name the attempt; A1 and C3 do not.
    const command = buildRemeasureCommand(judgeGate(go({ expected: identity })))
    expect(command).toMatch(/^ff probe run B1 B2 B4 C1 C2 G2$/)
    expect(buildRemeasureCommand(judgeGate(go()))).toBeNull()
    const all = CHECKLIST.items.map(({ id }) => id).join(' ')
    expect(buildRemeasureCommand(judgeGate(go({ evidence: whole([]) })))).toContain(
      all.slice(0, 80),
    )
  })
})
