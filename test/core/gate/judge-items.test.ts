import { describe, expect, test } from 'vitest'
import { type GateInput, judgeGate } from '../../../src/core/gate/judge-gate.ts'
import { judgeItems } from '../../../src/core/gate/judge-items.ts'
import type { EvidenceDraft, RunnerKey } from '../../../src/core/gate/types.ts'
import { toGateState } from '../../../src/core/signoff/gate-state.ts'
import {
  at,
  CHECKLIST,
  CONTROLS,
  detecting,
  go,
  goBut,
  getHash,
  IDENTITY,
  passing,
  RUNNER,
  runner,
  signed,
  toItem,
  toLog,
  waiver,
  whole,
} from './builders.ts'

test('a measured item without its attestation passes the first step', () => {
  const missing = { status: 'missing', roles: ['platform-lead', 'security-lead'] } as const
  const items = judgeGate(go({ signoff: missing })).items
  const states = judgeItems({ ...go(), must_hold: [] }).items
  expect(states.map(({ state }) => state)).toEqual(CHECKLIST.items.map(() => 'pass'))
  expect(items.filter(({ state }) => state === 'pending').map(({ id }) => id)).toEqual([
    'G3',
    'I4',
    'J1',
    'J2',
    'J3',
  ])
})

test('a log that does not extend the signed head makes every item an error', () => {
  const head = { kid: RUNNER, seq: 42, hash: getHash(7) }
  const { items, logs } = judgeItems({ ...go(), must_hold: [head] })
  expect(logs).toMatchObject({ status: 'untrusted', code: 'evidence_forked' })
  expect(new Set(items.map(({ state }) => state))).toEqual(new Set(['error']))
  const extended = judgeItems({ ...go(), must_hold: [{ ...head, hash: getHash(42) }] })
  expect(extended.logs.status).toBe('whole')
})

test('an item that is waived although its limits hold is signed as waived, and allows a GO', () => {
  const covers = { state: 'inconclusive', code: 'too_few_samples' } as const
  const waivers = [waiver({ item: 'G3', covers })]
  const input = goBut('G3', { sample_size: 1 }, { waivers })
  const { items } = judgeItems({ ...input, must_hold: [] })
  const about = {
    checklist: CHECKLIST,
    identity: IDENTITY,
    counts: {},
    departures: [],
    heads: [],
    logs: [],
    runners: [],
  }
  const { accepted } = toGateState(items, about)
  expect(accepted['G3']).toBe('waived')
  expect(judgeGate({ ...input, signoff: signed({ accepted }) }).verdict).toBe('go')
  expect(judgeGate(input).items.filter(({ state }) => state === 'stale')).toHaveLength(2)
})

describe('a waiver of an inconclusive item', () => {
  const OTHER = 'o'.repeat(43)
  interface Earlier {
    readonly id?: string
    readonly failed?: Partial<EvidenceDraft>
    /** A pass after it, in the same log. */
    readonly after?: Partial<EvidenceDraft>
    /** In the log of another key. */
    readonly other?: Partial<EvidenceDraft>
    /** The controls of the pass too were run as this. */
    readonly as?: Partial<EvidenceDraft>
    readonly runners?: readonly RunnerKey[]
  }
  const during = (from: number, until: number) => ({ started_at: at(from), ended_at: at(until) })
  /** The item failed, and now its target is missing. */
  const judge = ({ id = 'E5', failed = {}, after, other, as, runners = [runner()] }: Earlier) => {
    const controls = detecting(toItem(id))
    const draft = passing(toItem(id))
    const change = (one: EvidenceDraft, by: Partial<EvidenceDraft>): EvidenceDraft => ({
      ...one,
      ...by,
      identity: { ...one.identity, ...by.identity },
    })
    const own = (by: Partial<EvidenceDraft>): EvidenceDraft => change(draft, by)
    const last = { result: 'inconclusive', codes: ['target_missing'] } as const
    const drafts = [
      own({ result: 'fail', codes: ['limit_broken'], ...during(-90_000, -80_000), ...failed }),
      ...(as === undefined ? [] : controls.map((one) => change(one, as))),
      ...[after, as].flatMap((one) =>
        one === undefined ? [] : [own({ ...during(-70_000, -60_000), ...one })],
      ),
      own({ ...last, ...during(-20_000, -10_000) }),
      ...controls,
    ]
    const others = other === undefined ? [] : [own({ ...during(-70_000, -60_000), ...other })]
    const logs = [toLog(drafts), ...(others.length === 0 ? [] : [toLog(others, { kid: OTHER })])]
    const covers = { state: 'inconclusive', code: 'target_missing' } as const
    const waivers = [waiver({ item: id, covers })]
    const input = go({ evidence: { status: 'whole', logs }, waivers, runners })
    const found = judgeItems({ ...input, must_hold: [] }).items.find((one) => one.id === id)
    return found?.codes.at(-1)
  }
  const OTHER_CODE = { ...IDENTITY, code: 'worktree:0' }
  const OTHER_PLACE = { ...IDENTITY, database: 'x' }
  const THIRD = { identity: { ...IDENTITY, code: 'worktree:1' } }
  const OTHER_ITEM = { item_digest: 'e'.repeat(64) }
  const OTHER_INPUTS = { 'checklists/plan.json': 'e'.repeat(64) }
  const E5 = toItem('E5')
  const both = (change: Partial<RunnerKey> = {}) => [runner(), runner({ kid: OTHER, ...change })]
  const of = (attempt: number, cutover_id = String(IDENTITY.cutover_id)) => ({
    ...IDENTITY,
    attempt,
    cutover_id,
  })

  test.each<readonly [string, Earlier]>([
    ['of an earlier attempt, at an item that outlives it', { failed: { identity: of(2) } }],
    [
      'of another cutover, at an item that outlives it',
      { id: 'B3', failed: { identity: of(1, 'x') } },
    ],
    ['and a pass by a key that the trust file does not name', { other: {} }],
    ['and a pass at another place', { after: { where: 'scratch' } }],
    [
      'and a pass by a runner that is not named for the place',
      { other: {}, runners: both({ places: ['scratch'] }) },
    ],
    [
      'and a pass outside the time of its runner',
      { other: {}, runners: both({ from: at(-50_000) }) },
    ],
    ['and a pass of a revoked key', { other: {}, runners: both({ revoked: true }) }],
    ['and a pass that began before its end', { other: during(-85_000, -60_000), runners: both() }],
    ['and a control', { after: { kind: 'control', limit: 'error_share' } }],
    ['and a pass of another code version', { as: { identity: OTHER_CODE } }],
    ['and a pass of another build', { as: { identity: { ...IDENTITY, build: 'x' } } }],
    ['and a pass of another schema', { as: { identity: { ...IDENTITY, schema_head: 'x' } } }],
    [
      'and a pass of another environment',
      { id: 'B4', as: { identity: { ...IDENTITY, environment: 'x' } } },
    ],
    [
      'and a pass of another form of the item',
      { as: { identity: { ...IDENTITY, ...OTHER_ITEM } } },
    ],
    ['and a pass of another probe', { as: { probe: { ...E5.probe, version: 99 } } }],
    ['and a pass on another database of staging', { as: { identity: OTHER_PLACE } }],
    ['and a pass with another input', { id: 'J1', after: { inputs: OTHER_INPUTS } }],
    ['of one code version and a pass of a third', { failed: { identity: OTHER_CODE }, as: THIRD }],
    ['and a pass of too few samples', { after: { sample_size: 0 } }],
    ['and a pass without a value', { after: { measured: {} } }],
    [
      'of another code version and a pass of it whose controls never ran',
      { failed: { identity: OTHER_CODE }, after: { identity: OTHER_CODE } },
    ],
  ])('does not apply after a failure %s', (_what, earlier) => {
    expect(judge(earlier)).toBe('waiver_after_failure')
  })
  test.each<readonly [string, Earlier]>([
    ['and a pass', { after: {} }],
    ['and a pass of another named runner', { other: {}, runners: both() }],
    [
      'of an earlier version of ff, which names no input, and a pass',
      { failed: { inputs: undefined } as unknown as Partial<EvidenceDraft>, after: {} },
    ],
    ['of another code version and a pass of now', { failed: { identity: OTHER_CODE }, after: {} }],
    [
      'and a pass of the same code version, since when there is another',
      { failed: { identity: OTHER_CODE }, as: { identity: OTHER_CODE } },
    ],
    [
      'and a pass on the same database, since when the plan names another',
      { failed: { identity: OTHER_PLACE }, as: { identity: OTHER_PLACE } },
    ],
    [
      'and a pass with the same input, since when there is another',
      { id: 'J1', failed: { inputs: OTHER_INPUTS }, after: { inputs: OTHER_INPUTS } },
    ],
    ['of another attempt of the target', { id: 'B4', failed: { identity: of(2) } }],
    ['of another cutover, which the item depends on', { failed: { identity: of(1, 'x') } }],
  ])('applies after a failure %s', (_what, earlier) => {
    expect(judge(earlier)).toBe('target_missing')
  })
})

describe('a waiver of a failure', () => {
  const HOUR_MS = 3_600_000
  const covers = {
    state: 'fail',
    bounds: [{ measure: 'window_starts_in_h', op: 'at_most', value: 200 }],
  } as const
  const waivers = [waiver({ item: 'J1', covers })]
  const J1 = passing(toItem('J1'))
  const startsIn = (hours: number): Partial<EvidenceDraft> => ({
    result: 'fail',
    codes: ['limit_broken'],
    measured: { ...J1.measured, window_starts_in_h: hours },
  })
  const judge = (input: GateInput) => {
    const { items } = judgeItems({ ...input, waivers, must_hold: [] })
    const { state, codes } = items.find(({ id }) => id === 'J1') ?? {}
    return [state, codes?.join(' ')].join(' | ')
  }

  test.each<readonly [string, Partial<EvidenceDraft>, Partial<GateInput>, string]>([
    ['a record that counts', {}, {}, 'waived | limit_broken'],
    [
      'a record of another code',
      { identity: { ...IDENTITY, code: 'worktree:0' } },
      {},
      'fail | limit_broken identity_changed waiver_covers_another_reason',
    ],
    [
      'a record that is too old',
      { started_at: at(-25 * HOUR_MS), ended_at: at(-24 * HOUR_MS) },
      {},
      'fail | limit_broken evidence_old waiver_covers_another_reason',
    ],
    [
      'a record of a key that the trust file does not name',
      {},
      { runners: [] },
      'fail | limit_broken runner_not_named control_runner_not_named waiver_covers_another_reason',
    ],
  ])('by the plan now, beside %s', (_what, record, more, expected) => {
    const plan_now = { ...go().plan_now, window_starts_in_h: 169 }
    expect(judge(goBut('J1', record, { plan_now, ...more }))).toBe(expected)
  })

  const OTHER = 'o'.repeat(43)
  test.each<readonly [string, Partial<EvidenceDraft>, string]>([
    ['a failure within its bound', startsIn(170), 'waived | limit_broken'],
    ['a failure past its bound', startsIn(201), 'fail | limit_broken waiver_past_bound'],
    [
      'one that could not measure',
      { result: 'inconclusive', codes: ['target_missing'] },
      'inconclusive | target_missing waiver_covers_another_state',
    ],
    ['a pass', {}, 'waived | limit_broken'],
  ])('covers no more beside %s of another runner at the same time', (_what, other, expected) => {
    const own = [{ ...J1, ...startsIn(169) }, ...CONTROLS]
    const logs = [toLog(own), toLog([{ ...J1, ...other }], { kid: OTHER })]
    const runners = [runner(), runner({ kid: OTHER })]
    for (const both of [logs, logs.toReversed()])
      expect(judge(go({ evidence: { status: 'whole', logs: both }, runners }))).toBe(expected)
  })

  test('does not cover the values of a revoked key', () => {
    const failing = goBut('J1', startsIn(169))
    expect(judge(failing)).toBe('waived | limit_broken')
    expect(judge({ ...failing, runners: [runner({ revoked: true })] })).toBe(
      'fail | limit_broken runner_not_current waiver_covers_another_reason',
    )
  })
})

describe('the end of an accepted item', () => {
  const HOUR_MS = 3_600_000
  const judge = (input: GateInput, id: string) =>
    judgeItems({ ...input, must_hold: [] }).items.find((one) => one.id === id)

  test('is the earlier one of two passes that overlap', () => {
    const early = { started_at: at(-23 * HOUR_MS), ended_at: at(-22 * HOUR_MS) }
    const late = { started_at: at(-23 * HOUR_MS), ended_at: at(-HOUR_MS) }
    const a1 = (span: object): EvidenceDraft => ({ ...passing(toItem('A1')), ...span })
    const kid = 'o'.repeat(43)
    const logs = [toLog([a1(late), ...CONTROLS]), toLog([a1(early)], { kid })]
    const runners = [runner(), runner({ kid })]
    const input = go({ evidence: { status: 'whole', logs }, runners })
    const end = at(2 * HOUR_MS)
    expect(judge(input, 'A1')).toMatchObject({ state: 'pass', valid_until: end })
    expect(judge({ ...input, now: end }, 'A1')?.state).toBe('stale')
  })
  test('is the age of the record where it is waived as inconclusive', () => {
    const covers = { state: 'inconclusive', code: 'too_few_samples' } as const
    const waivers = [waiver({ item: 'E4', covers })]
    const end = at(HOUR_MS)
    const input = goBut('E4', { sample_size: 0, ended_at: at(-23 * HOUR_MS) }, { waivers })
    expect(judge(input, 'E4')).toMatchObject({ state: 'waived', valid_until: end })
    expect(judge({ ...input, now: end }, 'E4')?.state).toBe('stale')
  })
  test('is no end that is over, such as that of a control that the waiver covers', () => {
    const covers = { state: 'inconclusive', code: 'control_stale' } as const
    const waivers = [waiver({ item: 'E4', covers })]
    const old = { started_at: at(-200 * HOUR_MS), ended_at: at(-199 * HOUR_MS) }
    const controls = CONTROLS.map((one) => (one.item === 'E4' ? { ...one, ...old } : one))
    const drafts = CHECKLIST.items.map((item) => passing(item))
    const input = go({ evidence: whole(drafts, controls), waivers })
    const found = judge(input, 'E4')
    expect(found?.state).toBe('waived')
    expect(String(found?.valid_until) > input.now).toBe(true)
  })
})
