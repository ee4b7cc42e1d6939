import { describe, expect, test } from 'vitest'
import { findControlFault, isDetected } from '../../../src/core/gate/controls.ts'
import { type GateInput, judgeGate } from '../../../src/core/gate/judge-gate.ts'
import type { ChecklistItem, EvidenceDraft } from '../../../src/core/gate/types.ts'
import {
  at,
  CHECKLIST,
  chained,
  detecting,
  go,
  goBut,
  IDENTITY,
  NOW,
  passing,
  RUNNER,
  runner,
  toItem,
  whole,
} from './builders.ts'

const HOUR_MS = 3_600_000
const A1 = toItem('A1')
/** State, codes and detail of an item, in one line. */
const judge = (id: string, input: GateInput): string => {
  const found = judgeGate(input).items.find((one) => one.id === id)
  const codes = found?.codes.join(' ') ?? ''
  return [found?.state, codes, found?.detail].filter((text) => text !== '').join(' | ')
}

describe('the detail of an item names', () => {
  test.each<readonly [string, string, Partial<EvidenceDraft>, Partial<GateInput>, string]>([
    [
      'a runner that is not named',
      'B1',
      {},
      { runners: [runner({ kid: 'x' })] },
      `inconclusive | runner_not_named control_runner_not_named | signed by ${RUNNER}; head_matches: `,
    ],
    [
      'the places of a runner',
      'B1',
      {},
      { runners: [runner({ places: ['scratch', 'staging'] })] },
      'inconclusive | runner_not_for_place | runner ci is named for scratch, staging, not for target',
    ],
    [
      'the place of a measurement',
      'B1',
      { where: 'scratch' },
      {},
      'inconclusive | measured_elsewhere | measured on scratch, required on target',
    ],
    [
      'another database of staging than the plan names',
      'D1',
      { identity: { ...IDENTITY, database: '8/1/ff/0' } },
      {},
      `inconclusive | measured_elsewhere | measured on the database 8/1/ff/0, and the plan names ${IDENTITY.database}`,
    ],
    [
      'that the plan names no database of staging',
      'D1',
      { identity: { ...IDENTITY, database: null } },
      { staging_database: null },
      'inconclusive | measured_elsewhere | measured on a database that it does not name, and the plan names no staging_database',
    ],
    [
      'a clock',
      'A1',
      { ended_at: at(60_001) },
      {},
      'inconclusive | clock_set_back | the logs hold a time in the future',
    ],
    [
      'each member of the identity that differs',
      'A1',
      { identity: { ...IDENTITY, code: 'x', config_digest: 'x' } },
      {},
      'stale | identity_changed | code; config_digest',
    ],
    [
      'a member of the identity that is not known',
      'A1',
      {},
      { expected: { ...IDENTITY, code: null } },
      'stale | identity_not_said | code',
    ],
    [
      'another probe',
      'A1',
      { probe: { name: 'x', version: 7, params: {} } },
      {},
      'stale | probe_changed | x 7',
    ],
    [
      'another form of the item',
      'A1',
      { identity: { ...IDENTITY, item_digest: 'x' } },
      {},
      'stale | item_changed | the checklist',
    ],
    [
      'the time of old evidence',
      'A1',
      { ended_at: at(-24 * HOUR_MS) },
      {},
      `stale | evidence_old | measured at ${at(-24 * HOUR_MS)}`,
    ],
    ['the end of the plan', 'J1', {}, { plan_until: NOW }, `stale | plan_over | ${NOW}`],
    ['no plan', 'J1', {}, { plan_until: null }, 'stale | plan_over | there is no plan'],
    [
      'what the probe said',
      'A1',
      { result: 'inconclusive', codes: ['disk_full', 'flaky'], example: 'no space' },
      {},
      'inconclusive | disk_full flaky | no space',
    ],
    [
      'nothing that a probe did not say',
      'A1',
      { result: 'error', codes: ['disk_full'] },
      {},
      'error | disk_full',
    ],
    [
      'each limit that is broken',
      'A1',
      { measured: { forged_accepted: 1, attacker_key_requests: 1, valid_accepted: 1 } },
      {},
      'fail | limit_broken | forged_accepted; attacker_key_requests',
    ],
    [
      'a broken limit before a missing value',
      'A1',
      { measured: { forged_accepted: 1 } },
      {},
      'fail | limit_broken | forged_accepted',
    ],
    [
      'the example of a failure',
      'A1',
      { result: 'fail', codes: ['odd'], example: 'row 7' },
      {},
      'fail | odd | row 7',
    ],
    ['nothing of a failure without any', 'A1', { result: 'fail' }, {}, 'fail | probe_failed'],
    [
      'each value that is missing',
      'A1',
      { measured: { valid_accepted: 1 } },
      {},
      'inconclusive | measure_missing | forged_accepted; attacker_key_requests',
    ],
    ['the samples', 'A1', { sample_size: 3 }, {}, 'inconclusive | too_few_samples | 3 of 12'],
    [
      'the samples beside one broken limit of several',
      'A1',
      { measured: { forged_accepted: 1 }, sample_size: 3 },
      {},
      'fail | limit_broken too_few_samples | forged_accepted; 3 of 12',
    ],
    [
      'the samples beside missing values',
      'A1',
      { measured: { valid_accepted: 1 }, sample_size: 3 },
      {},
      'inconclusive | measure_missing too_few_samples | forged_accepted; attacker_key_requests; 3 of 12',
    ],
  ])('%s', (_what, id, change, more, said) => {
    expect(judge(id, goBut(id, change, more)).startsWith(said)).toBe(true)
  })
  test('nothing where the item passes', () => expect(judge('A1', go())).toBe('pass'))
})

test('a record without the digest of its item does not count where the item has none', () => {
  const { item_digest: _none, ...identity } = passing(A1).identity
  const drafts = CHECKLIST.items.map((item) =>
    item.id === 'A1' ? { ...passing(item), identity } : passing(item),
  )
  const input = go({ evidence: whole(drafts), item_digests: {} })
  expect(judge('A1', input)).toBe('stale | item_changed | the checklist')
})

test('evidence of a pass names its record, and how long it counts', () => {
  const found = judgeGate(go()).items.find(({ id }) => id === 'A1')
  expect(found).toMatchObject({
    valid_until: at(24 * HOUR_MS - 60_000),
    evidence: { seq: 1, runner: RUNNER, ended_at: at(-60_000) },
  })
})
test.each<readonly [string, Partial<EvidenceDraft>, boolean]>([
  ['fails', { result: 'fail' }, true],
  ['is stale', { ended_at: at(-24 * HOUR_MS) }, false],
  ['is inconclusive', { result: 'inconclusive' }, true],
])('an item that %s has an end: %s %s', (_what, change, ends) => {
  const found = judgeGate(goBut('A1', change)).items.find(({ id }) => id === 'A1')
  expect(found?.valid_until !== null).toBe(ends)
})

describe('the control of a limit', () => {
  const [rule] = A1.controls as [ChecklistItem['controls'][0]]
  const [draft] = detecting(A1) as [EvidenceDraft]
  const terms = {
    code: IDENTITY.code,
    build: IDENTITY.build,
    item_digest: draft.identity.item_digest,
    now: NOW,
  }
  const { item_digest: _none, ...unnamed } = draft.identity
  test.each<readonly [string, readonly EvidenceDraft[], object, string | null]>([
    ['that was detected', [draft], {}, null],
    ['without a record', [], {}, 'control_not_run'],
    ['of which one did not end', [draft, { ...draft, control: null }], {}, 'control_not_run'],
    ['of another item digest', [draft], { item_digest: 'x' }, 'control_stale'],
    ['without an item digest', [{ ...draft, identity: unnamed }], undigested(), 'control_stale'],
    ['of other code', [draft], { code: 'x' }, 'control_stale'],
    ['of another build', [draft], { build: 'x' }, 'control_stale'],
    [
      'of which one is old',
      [draft, { ...draft, ended_at: at(-7 * 24 * HOUR_MS) }],
      {},
      'control_stale',
    ],
  ])('%s', (_what, drafts, change, fault) => {
    const entries = chained(drafts)
    expect(findControlFault(A1, { rule, entries }, { ...terms, ...change })).toBe(fault)
  })
  function undigested() {
    return { item_digest: undefined }
  }
  test.each([
    ['above the limit', { forged_accepted: 1 }, true],
    ['at the limit', { forged_accepted: 0 }, false],
    ['above another limit alone', { forged_accepted: 0, attacker_key_requests: 1 }, false],
    ['that is missing', {}, false],
  ])('is detected by a value %s: %j %s', (_what, measured, detected) =>
    expect(isDetected(A1, 'forged_accepted', { measured })).toBe(detected),
  )
})
