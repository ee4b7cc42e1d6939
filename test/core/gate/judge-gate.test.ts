import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgeChain } from '../../../src/core/gate/chain.ts'
import { parseDurationMs } from '../../../src/core/gate/duration.ts'
import { type GateInput, judgeGate } from '../../../src/core/gate/judge-gate.ts'
import type {
  EvidenceDraft,
  GateItemState,
  ItemResult,
  WaiverCover,
} from '../../../src/core/gate/types.ts'
import { findWaiverMismatch, formatCover } from '../../../src/core/gate/waivers.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import { EXIT_STATUSES, decideExit } from '../../../src/core/exit.ts'
import {
  at,
  CHECKLIST,
  CONTROLS,
  detecting,
  go,
  goBut,
  getHash,
  IDENTITY,
  toItem,
  NOW,
  passing,
  RUNNER,
  runner,
  signed,
  toLog,
  waiver,
  whole,
} from './builders.ts'

const toVerdict = (input: GateInput, id: string): ItemResult => {
  const found = judgeGate(input).items.find((one) => one.id === id)
  if (found === undefined) throw new Error(`${id} is not accounted for`)
  return found
}
const WITHOUT = (...ids: string[]) =>
  CHECKLIST.items.filter(({ id }) => !ids.includes(id)).map((item) => passing(item))

test('a GO of 42 items is valid until the first of them becomes stale', () => {
  const judged = judgeGate(go())
  expect(judged).toMatchObject({ verdict: 'go', exitName: 'ok', faults: [] })
  expect(judged.counts).toMatchObject({ pass: 42, waived: 0 })
  // B1, C1 and C2 stay fresh for an hour, and were measured a minute ago.
  expect(judged.valid_until).toBe(at(3_600_000 - 60_000))
  expect(
    judged.expires_next
      .slice(0, 3)
      .map(({ id }) => id)
      .sort(),
  ).toEqual(['B1', 'C1', 'C2'])
})

describe('evidence', () => {
  test.each<readonly [string, string, Partial<EvidenceDraft>, GateItemState, string]>([
    ['measured elsewhere', 'B1', { where: 'scratch' }, 'inconclusive', 'measured_elsewhere'],
    [
      'of other code',
      'A1',
      { identity: { ...IDENTITY, code: 'sha256:def' } },
      'stale',
      'identity_changed',
    ],
    [
      'of unknown code',
      'A1',
      { identity: { ...IDENTITY, code: null } },
      'stale',
      'identity_changed',
    ],
    [
      'of another attempt',
      'C1',
      { identity: { ...IDENTITY, attempt: 2 } },
      'stale',
      'identity_changed',
    ],
    [
      'of another environment, on scratch',
      'A1',
      { identity: { ...IDENTITY, environment: 'x' } },
      'pass',
      '',
    ],
    [
      'by an older probe',
      'A1',
      { probe: { name: 'token-forgeries', version: 99, params: {} } },
      'stale',
      'probe_changed',
    ],
    [
      'by another probe',
      'A1',
      { probe: { name: 'x', version: 1, params: {} } },
      'stale',
      'probe_changed',
    ],
    ['a millisecond before its maximal age', 'A1', { ended_at: at(-86_399_999) }, 'pass', ''],
    ['at its maximal age', 'A1', { ended_at: at(-86_400_000) }, 'stale', 'evidence_old'],
    ['a minute ahead of the clock', 'A1', { ended_at: at(60_000) }, 'pass', ''],
    ['from the future', 'A1', { ended_at: at(60_001) }, 'inconclusive', 'clock_set_back'],
    [
      'that is inconclusive with a reason',
      'A1',
      { result: 'inconclusive', codes: ['target_unreachable'], example: 'x' },
      'inconclusive',
      'target_unreachable',
    ],
    [
      'that is inconclusive without a reason',
      'A1',
      { result: 'inconclusive' },
      'inconclusive',
      'no_reason_given',
    ],
    [
      'of a probe that failed to run',
      'A1',
      { result: 'error', codes: ['probe_threw'] },
      'error',
      'probe_threw',
    ],
    ['of too few samples', 'A5', { sample_size: 499 }, 'inconclusive', 'too_few_samples'],
    ['without a measure', 'A1', { measured: {} }, 'inconclusive', 'measure_missing'],
    [
      'beyond a limit',
      'A1',
      { measured: { forged_accepted: 1, attacker_key_requests: 0, valid_accepted: 1 } },
      'fail',
      'limit_broken',
    ],
    [
      'that is not a number',
      'A1',
      { measured: { forged_accepted: 'none', attacker_key_requests: 0, valid_accepted: 1 } },
      'fail',
      'limit_broken',
    ],
    [
      'below a limit',
      'A1',
      { measured: { forged_accepted: 0, attacker_key_requests: 0, valid_accepted: 0 } },
      'fail',
      'limit_broken',
    ],
    [
      'within the limits, but failed by the probe',
      'A1',
      { result: 'fail', codes: ['odd'], example: 'x' },
      'fail',
      'odd',
    ],
    ['failed by the probe without a reason', 'A1', { result: 'fail' }, 'fail', 'probe_failed'],
    [
      'beyond the value, within the factor',
      'E5',
      { measured: { db_p99_ms: 90, file_p99_ms: 72, error_share: 0, load_share: 1.5 } },
      'pass',
      '',
    ],
    [
      'beyond the factor too',
      'E5',
      { measured: { db_p99_ms: 90.1, file_p99_ms: 72, error_share: 0, load_share: 1.5 } },
      'fail',
      'limit_broken',
    ],
    [
      'without the other value of the factor',
      'E5',
      { measured: { db_p99_ms: 51, error_share: 0, load_share: 1.5 } },
      'fail',
      'limit_broken',
    ],
    [
      'below a lower bound',
      'E5',
      { measured: { db_p99_ms: 50, error_share: 0, load_share: 1.4 } },
      'fail',
      'limit_broken',
    ],
  ])('%s', (_what, id, change, state, code) => {
    const found = toVerdict(goBut(id, change), id)
    expect([
      found.state,
      found.codes.includes(code) || found.codes.length === 0 ? code : found.codes,
    ]).toEqual([state, code])
    expect(judgeGate(goBut(id, change)).verdict === 'go').toBe(state === 'pass')
  })

  test('the last record in the chain counts, whatever its time stamp', () => {
    const older = { ...passing(toItem('A1')), ended_at: at(-3_000), started_at: at(-4_000) }
    const failing: EvidenceDraft = { ...passing(toItem('A1')), result: 'fail', codes: ['x'] }
    const all = WITHOUT('A1')
    expect(toVerdict(go({ evidence: whole([older, ...all, failing]) }), 'A1').state).toBe('fail')
    expect(toVerdict(go({ evidence: whole([failing, ...all, older]) }), 'A1').state).toBe('pass')
  })
  test('without a record it is pending', () => {
    const input = go({ evidence: whole(WITHOUT('A1')) })
    expect(toVerdict(input, 'A1')).toMatchObject({ state: 'pending', codes: ['no_record'] })
    expect(judgeGate(input).exitName).toBe('not_ready')
    // A signature stays valid where an accepted item falls away; the gate is still no GO.
    expect(toVerdict(input, 'J2').state).toBe('pass')
  })
  test.each<readonly [string, GateInput['runners']]>([
    ['the trust file does not name', []],
    ['was valid until then', [runner({ until: at(-60_000) })]],
    ['becomes valid later', [runner({ from: at(-59_999) })]],
    ['differs from the named one', [runner({ kid: 's'.repeat(43) })]],
  ])('evidence does not count of a runner that %s', (_what, runners) => {
    const judged = judgeGate(go({ runners }))
    expect(judged.exitName).toBe('inconclusive')
    const isFound = (code: string): boolean => /^runner_not_(named|current)$/.test(code)
    expect(judged.items.every(({ codes }) => codes.some(isFound))).toBe(true)
  })
  test('an unstated identity member matches nothing', () => {
    const found = toVerdict(go({ expected: { ...IDENTITY, code: null } }), 'A1')
    expect(found).toMatchObject({ state: 'stale', codes: ['identity_not_said'] })
  })

  describe('with the controls of its limits', () => {
    const [first, second] = detecting(toItem('H2')) as [EvidenceDraft, EvidenceDraft]
    const missed = { control: { name: 'c', outcome: 'not_detected', at: NOW } } as const
    const h2 = (...controls: EvidenceDraft[]): string => {
      const others = CONTROLS.filter(({ item }) => item !== 'H2')
      const measured = CHECKLIST.items.map((item) => passing(item))
      const evidence = whole(measured, [...others, ...controls])
      const { state, codes, detail } = toVerdict(go({ evidence }), 'H2')
      return [state, ...codes, detail].join(' ').trim()
    }
    const silent = 'rules_silent: one rule removed'
    test.each<readonly [string, readonly EvidenceDraft[], string]>([
      ['detected', [first, second], 'pass'],
      ['missing for one limit', [second], `inconclusive control_not_run ${silent}`],
      [
        'missing for each limit',
        [],
        `inconclusive control_not_run ${silent}; rules_stuck: a rule that fires without its fault`,
      ],
      [
        'of another limit alone',
        [second, { ...first, limit: 'rules_stuck' }],
        `inconclusive control_not_run control_not_detected ${silent}; rules_stuck: a rule that fires without its fault`,
      ],
      [
        'without the limit of an earlier version',
        [second, withoutLimit(first)],
        `inconclusive control_not_run ${silent}`,
      ],
      [
        'that did not end, after one that did',
        [first, second, { ...first, control: null, result: 'inconclusive' }],
        `inconclusive control_not_run ${silent}`,
      ],
      [
        'not detected, after a detected one',
        [first, second, { ...first, ...missed }],
        `inconclusive control_not_detected ${silent}`,
      ],
      ['detected, after one that was not', [{ ...first, ...missed }, first, second], 'pass'],
      [
        'said to be detected, with a limit that holds',
        [second, { ...first, measured: { rules_silent: 0, rules_stuck: 1 } }],
        `inconclusive control_not_detected ${silent}`,
      ],
      [
        'H9: said to be detected, without a value of the limit',
        [second, { ...first, measured: { rules_stuck: 1 } }],
        `inconclusive control_not_detected ${silent}`,
      ],
      [
        'a millisecond before its maximal age',
        [second, { ...first, ended_at: at(1 - parseDurationMs('P7D')) }],
        'pass',
      ],
      [
        'at its maximal age',
        [second, { ...first, ended_at: at(-parseDurationMs('P7D')) }],
        `inconclusive control_stale ${silent}`,
      ],
      [
        'of other code',
        [second, { ...first, identity: { ...IDENTITY, code: 'sha256:def' } }],
        `inconclusive control_stale ${silent}`,
      ],
      [
        'of another version of the probe',
        [second, { ...first, probe: { ...first.probe, version: 99 } }],
        `inconclusive control_stale ${silent}`,
      ],
      [
        'of another probe',
        [second, { ...first, probe: { ...first.probe, name: 'x' } }],
        `inconclusive control_stale ${silent}`,
      ],
    ])('%s', (_what, controls, expected) => expect(h2(...controls)).toBe(expected))
    function withoutLimit(control: EvidenceDraft): EvidenceDraft {
      const { limit: _, ...draft } = control
      return draft
    }
    test('controls without a measurement leave the item pending', () => {
      const evidence = whole(WITHOUT('H2'))
      expect(toVerdict(go({ evidence }), 'H2').codes).toEqual(['no_record'])
    })
    test('the controls may be those of another named runner, and of no other', () => {
      const kid = 's'.repeat(43)
      const measured = CHECKLIST.items.map((item) => passing(item))
      const logs = [toLog(measured), toLog(CONTROLS, { kid })]
      const evidence = { status: 'whole', logs } as const
      const both = [runner(), runner({ kid, name: 'other' })]
      expect(judgeGate(go({ evidence, runners: both })).verdict).toBe('go')
      const codes = judgeGate(go({ evidence })).items.flatMap((item) => item.codes)
      expect(new Set(codes)).toEqual(new Set(['control_runner_not_named']))
    })
    test('a GO ends with the first control that becomes too old', () => {
      const old = { ...first, ended_at: at(1_000 - parseDurationMs('P7D')) }
      const evidence = whole(
        CHECKLIST.items.map((item) => passing(item)),
        [...CONTROLS, old],
      )
      expect(judgeGate(go({ evidence })).valid_until).toBe(at(1_000))
    })
  })
})

describe('an untrusted log', () => {
  test.each<readonly [string, Partial<GateInput>, string]>([
    [
      'edited',
      { evidence: { status: 'untrusted', code: 'evidence_edited', detail: 'line 3' } },
      'evidence_edited',
    ],
    [
      'shorter than the signed one',
      { signoff: signed({ evidence_heads: [{ kid: RUNNER, seq: 999, hash: getHash(999) }] }) },
      'evidence_cut',
    ],
    [
      'other than the signed one',
      { signoff: signed({ evidence_heads: [{ kid: RUNNER, seq: 5, hash: getHash(6) }] }) },
      'evidence_forked',
    ],
    [
      'shorter than the pinned one',
      { pinned_heads: [{ kid: RUNNER, seq: 999, hash: getHash(999) }] },
      'evidence_cut',
    ],
    [
      'that is pinned and missing',
      { pinned_heads: [{ kid: 's'.repeat(43), seq: 1, hash: getHash(1) }] },
      'evidence_missing',
    ],
  ])('%s', (_what, change, code) => {
    const judged = judgeGate(go(change))
    expect(judged).toMatchObject({ verdict: 'untrusted', exitName: 'untrusted', valid_until: null })
    expect(judged.faults.map((one) => one.code)).toEqual([code])
    expect(judged.items).toHaveLength(42)
  })
  test('a log that extends the signed one is trusted', () =>
    expect(
      judgeGate(
        go({ signoff: signed({ evidence_heads: [{ kid: RUNNER, seq: 42, hash: getHash(42) }] }) }),
      ).verdict,
    ).toBe('go'))
})

describe('the sign-off', () => {
  const [platform, security] = signed().signatures
  if (platform === undefined || security === undefined) throw new Error('two signatures')
  const attesting = (attests: readonly string[]) =>
    signed({ signatures: [platform, { ...security, attests }] })
  test.each<readonly [string, GateInput['signoff'], string, string, string]>([
    [
      'of neither role',
      { status: 'missing', roles: ['platform-lead', 'security-lead'] },
      'J2',
      'pending signature_missing',
      'not_ready',
    ],
    ['of one role', { status: 'missing', roles: ['security-lead'] }, 'J2', 'pass', 'not_ready'],
    [
      'of the other role',
      { status: 'missing', roles: ['security-lead'] },
      'J3',
      'pending signature_missing',
      'not_ready',
    ],
    [
      'for another checklist',
      { status: 'stale', code: 'plan_changed', detail: 'checklist' },
      'J2',
      'stale plan_changed',
      'not_ready',
    ],
    [
      'by an unknown key',
      { status: 'refused', code: 'key_unknown', detail: '' },
      'J3',
      'fail key_unknown',
      'untrusted',
    ],
    [
      'without one role',
      signed({ signatures: [platform] }),
      'J3',
      'pending signature_missing',
      'not_ready',
    ],
    [
      'too long ago',
      signed({ signatures: [platform, { ...security, signed_at: at(-parseDurationMs('PT72H')) }] }),
      'J3',
      'stale signature_old',
      'not_ready',
    ],
    ['after its own end', signed({ valid_until: NOW }), 'J2', 'stale signature_old', 'not_ready'],
    [
      'that attests too few groups',
      attesting(['A', 'G', 'G3']),
      'J3',
      'pending attestation_missing',
      'not_ready',
    ],
    [
      'that does not attest a measured item',
      attesting(['A', 'F', 'G']),
      'G3',
      'pending attestation_missing',
      'not_ready',
    ],
    [
      'that attests a measured item by the wrong role',
      signed({
        signatures: [
          { ...platform, attests: ['J1', 'G3', 'I4'] },
          { ...security, attests: ['A', 'F', 'G'] },
        ],
      }),
      'G3',
      'pending attestation_missing',
      'not_ready',
    ],
    [
      'before an item was accepted',
      signed({ accepted: Object.fromEntries(Object.entries(signed().accepted).slice(1)) }),
      'J2',
      'stale accepted_since_signing',
      'not_ready',
    ],
  ])('%s', (_what, signoff, id, said, exitName) => {
    const { state, codes } = toVerdict(go({ signoff }), id)
    expect([state, ...codes].join(' ')).toBe(said)
    expect(judgeGate(go({ signoff })).exitName).toBe(exitName)
  })
  test('a signature item without a role is never signed', () => {
    const items = CHECKLIST.items.map((item) =>
      item.id === 'J2' ? { ...item, attest_role: null } : item,
    )
    const input = go({ checklist: { ...CHECKLIST, items } })
    expect(toVerdict(input, 'J2').codes).toEqual(['signature_missing'])
  })
  test('a signature item may require no attestation', () => {
    const items = CHECKLIST.items.map((item) =>
      item.id === 'J2' ? { ...item, probe: { ...item.probe, params: {} } } : item,
    )
    expect(judgeGate(go({ checklist: { ...CHECKLIST, items } })).verdict).toBe('go')
  })
  test('a command of the team needs the attestation of the security lead, and of the role of its item', () => {
    const items = CHECKLIST.items.map((item) =>
      ['G3', 'H2'].includes(item.id) ? { ...item, kind: 'command' as const } : item,
    )
    const input = { checklist: { ...CHECKLIST, items } }
    expect(toVerdict(go(input), 'J3')).toMatchObject({
      state: 'pending',
      codes: ['attestation_missing'],
      detail: 'H2',
    })
    const named = (attests: readonly string[]) => ({
      ...input,
      signoff: signed({ signatures: [platform, { ...security, attests }] }),
    })
    expect(judgeGate(go(named(['A', 'F', 'G', 'G3', 'H2']))).verdict).toBe('go')
    expect(toVerdict(go(named(['A', 'F', 'G', 'H2'])), 'G3').state).toBe('pending')
  })
  test('the GO ends with the sign-off where that ends before the evidence', () => {
    const input = go({ signoff: signed({ valid_until: at(5_000) }) })
    expect(judgeGate(input).valid_until).toBe(at(5_000))
  })
  test('without a plan, or after its window, there is no GO', () => {
    expect(judgeGate(go({ plan_until: null })).exitName).toBe('not_ready')
    expect(judgeGate(go({ plan_until: NOW })).exitName).toBe('not_ready')
    expect(judgeGate(go({ plan_until: at(1_000) })).valid_until).toBe(at(1_000))
  })
})

describe('waivers', () => {
  const broken: Partial<EvidenceDraft> = {
    measured: { memory_share: 0.85, connections_share: 0.5, disk_share: 0.5 },
  }
  const accepted = { ...signed().accepted, H4: 'waived' } as const
  const withWaiver = (
    change: Parameters<typeof waiver>[0] = {},
    evidence = broken,
    id = 'H4',
  ): GateInput => goBut(id, evidence, { waivers: [waiver(change)], signoff: signed({ accepted }) })

  test('a waived failure allows a GO', () => {
    const judged = judgeGate(withWaiver())
    expect([judged.verdict, judged.counts.waived]).toEqual(['go', 1])
    const soon = judgeGate(withWaiver({ expires_at: at(1_000) }))
    expect(soon.valid_until).toBe(at(1_000))
  })
  test('a GO ends with the first key that approved a waiver', () => {
    const judged = judgeGate({ ...withWaiver(), approvals_until: at(1_000) })
    expect([judged.verdict, judged.valid_until]).toEqual(['go', at(1_000)])
    expect(judged.expires_next[0]).toEqual({ id: 'approvals of waivers', at: at(1_000) })
  })
  test('a failure within the bound is not waived where too few were looked at', () => {
    const least = toItem('H4').min_sample
    const of = (sample_size: number) => toVerdict(withWaiver({}, { ...broken, sample_size }), 'H4')
    expect(of(least).state).toBe('waived')
    expect(of(least - 1)).toMatchObject({
      state: 'fail',
      codes: ['limit_broken', 'too_few_samples', 'waiver_covers_another_reason'],
      detail: `memory_share; ${least - 1} of ${least}`,
    })
  })
  test('an inconclusive item is waived only for the reason of the waiver', () => {
    const covers = { state: 'inconclusive', code: 'target_unreachable' } as const
    const down: Partial<EvidenceDraft> = { result: 'inconclusive', codes: ['target_unreachable'] }
    expect(judgeGate(withWaiver({ covers }, down)).verdict).toBe('go')
    const two = { ...down, codes: ['target_unreachable', 'disk_full'] }
    expect(toVerdict(withWaiver({ covers }, two), 'H4').codes).toContain(
      'waiver_covers_another_reason',
    )
  })
  test.each<readonly [string, Parameters<typeof waiver>[0], Partial<EvidenceDraft>, string]>([
    ['that has expired', { expires_at: NOW }, broken, 'waiver_expired'],
    ['that is requested later', { requested_at: at(1) }, broken, 'waiver_not_yet_requested'],
    [
      'that only one lead approved',
      { approvals: [{ person: 'Ada', role: 'platform-lead' }] },
      broken,
      'waiver_not_approved',
    ],
    [
      'that one person approved in both roles',
      {
        approvals: [
          { person: 'Ada', role: 'platform-lead' },
          { person: 'Ada', role: 'security-lead' },
        ],
      },
      broken,
      'waiver_not_approved',
    ],
    [
      'for another state',
      { covers: { state: 'inconclusive', code: 'x' } },
      broken,
      'waiver_covers_another_state',
    ],
    [
      'whose bound is exceeded',
      {},
      { measured: { memory_share: 0.91, connections_share: 0.5, disk_share: 0.5 } },
      'waiver_past_bound',
    ],
    [
      'that bounds another measure',
      { covers: { state: 'fail', bounds: [{ measure: 'disk_share', op: 'at_most', value: 0.9 }] } },
      broken,
      'waiver_past_bound',
    ],
    [
      'for a failure without a measure',
      {},
      { result: 'fail', codes: ['odd'] },
      'waiver_past_bound',
    ],
  ])('a waiver %s does not apply', (_what, change, evidence, code) => {
    const input = withWaiver(change, evidence)
    expect(toVerdict(input, 'H4').codes).toContain(code)
    expect(judgeGate(input).exitName).toBe('no_go')
  })
  test.each<readonly [string, Partial<EvidenceDraft>, WaiverCover, GateInput['plan_now']]>([
    [
      'an inconclusive record',
      { result: 'inconclusive', codes: ['flaky'] },
      { state: 'inconclusive', code: 'flaky' },
      { admin_in_step: false },
    ],
    [
      'a value within the bound of a record',
      { measured: { ...passing(toItem('J1')).measured, window_starts_in_h: 169 } },
      { state: 'fail', bounds: [{ measure: 'window_starts_in_h', op: 'at_most', value: 200 }] },
      { window_starts_in_h: 201 },
    ],
  ])('%s, waived, does not hide a plan that breaks a rule now', (_what, record, covers, broken) => {
    const judged = (plan_now: GateInput['plan_now']) =>
      judgeGate(
        goBut('J1', record, {
          waivers: [waiver({ item: 'J1', covers })],
          signoff: signed({ accepted: { ...signed().accepted, J1: 'waived' } }),
          plan_now,
        }),
      ).verdict
    const holds = go().plan_now
    expect([judged(holds), judged({ ...holds, ...broken })]).toEqual(['go', 'no_go'])
  })
  test('the requester cannot be the only approver', () => {
    const approvals = [{ person: 'Ada', role: 'platform-lead' }] as const
    const plan: Partial<EvidenceDraft> = {
      measured: { ...passing(toItem('J1')).measured, window_starts_in_h: 169 },
    }
    const covers = {
      state: 'fail',
      bounds: [{ measure: 'window_starts_in_h', op: 'at_most', value: 200 }],
    } as const
    const of = (requester: string): GateInput =>
      goBut('J1', plan, {
        waivers: [waiver({ item: 'J1', covers, requester, approvals })],
        signoff: signed({ accepted: { ...signed().accepted, J1: 'waived' } }),
      })
    expect(judgeGate(of('Rosalind')).verdict).toBe('go')
    expect(judgeGate(of('Ada'))).toMatchObject({
      verdict: 'no_go',
      faults: [{ code: 'waiver_self_approved' }],
    })
    // A waived item still needs its attestation.
    const unattested = {
      ...of('Rosalind'),
      signoff: signed({
        accepted: { ...signed().accepted, J1: 'waived' },
        signatures: signed().signatures.map((one) => ({
          ...one,
          attests: ['A', 'F', 'G', 'G3', 'I4', 'WV-1'],
        })),
      }),
    }
    expect(toVerdict(unattested, 'J1').state).toBe('pending')
  })
  test('a stale, pending, broken or unwaivable item is not waived', () => {
    const stale = withWaiver({}, { ended_at: at(-parseDurationMs('P9D')) })
    expect(toVerdict(stale, 'H4').state).toBe('stale')
    const error = withWaiver(
      { covers: { state: 'inconclusive', code: 'x' } },
      { result: 'error', codes: ['x'] },
    )
    expect(toVerdict(error, 'H4').state).toBe('error')
    const unwaivable = goBut(
      'A1',
      { result: 'inconclusive', codes: ['x'] },
      { waivers: [waiver({ item: 'A1', covers: { state: 'inconclusive', code: 'x' } })] },
    )
    expect(judgeGate(unwaivable)).toMatchObject({
      exitName: 'inconclusive',
      faults: [{ code: 'waiver_item_unwaivable' }],
    })
    expect(judgeGate(go({ waivers: [waiver({ item: 'Z9' })] })).faults).toEqual([
      { code: 'waiver_item_unknown', detail: 'WV-1' },
    ])
  })
  test.each([
    ['longer than 14 days', at(-1), at(14 * 86_400_000), 'waiver_too_long'],
    ['whose end is before its request', at(2), at(1), 'waiver_ends_before_it_begins'],
  ])('a waiver %s is a fault', (_what, requested_at, expires_at, code) => {
    const requested = waiver({ item: 'H4', requested_at, expires_at })
    expect(judgeGate(go({ waivers: [requested] })).faults).toMatchObject([{ code }])
  })
  test('signatures are stale for an item that passed at signing time and is waived now', () => {
    const input = { ...withWaiver(), signoff: signed() }
    expect(toVerdict(input, 'J2').codes).toEqual(['accepted_since_signing'])
  })
  test('of two waivers for one item the second does not count', () => {
    const judged = judgeGate({ ...withWaiver(), waivers: [waiver(), waiver({ id: 'WV-2' })] })
    expect(judged).toMatchObject({ verdict: 'go', faults: [{ code: 'waiver_item_repeated' }] })
  })
  test('no approval waives an unwaivable item', () => {
    const use = { failed: true, target: IDENTITY, now: NOW }
    const found = { state: 'fail', codes: [], measured: [], ...use } as const
    expect(findWaiverMismatch(waiver(), toItem('A1'), found)).toBe('waiver_not_approved')
  })
  test.each<readonly [string, Parameters<typeof waiver>[0]]>([
    ['attempt', { attempt: 2 }],
    ['cutover', { cutover_id: 'another' }],
    ['environment', { environment: 'staging' }],
  ])(
    'V11: a waiver for another %s does not apply, nor stand in the way of one',
    (_what, change) => {
      const found = toVerdict(withWaiver(change), 'H4')
      expect(found).toMatchObject({
        state: 'fail',
        codes: ['limit_broken', 'waiver_for_another_cutover'],
      })
      const old = waiver({ ...change, id: 'WV-2' })
      const judged = judgeGate({ ...withWaiver(), waivers: [old, waiver()] })
      expect(judged).toMatchObject({ verdict: 'go', faults: [] })
    },
  )
  test.each<readonly [string, WaiverCover, string]>([
    [
      'of a measure without a limit',
      { state: 'fail', bounds: [{ measure: 'p99_ms', op: 'at_most', value: 1 }] },
      'waiver_bound_unknown',
    ],
    [
      'as strict as the limit',
      { state: 'fail', bounds: [{ measure: 'memory_share', op: 'at_most', value: 0.8 }] },
      'waiver_bound_not_looser',
    ],
    [
      'in the other direction',
      { state: 'fail', bounds: [{ measure: 'memory_share', op: 'at_least', value: 0.9 }] },
      'waiver_bound_not_looser',
    ],
  ])('a bound %s is a fault', (_what, covers, code) => {
    expect(judgeGate(go({ waivers: [waiver({ covers })] })).faults).toMatchObject([{ code }])
  })
  test('a bound of a least value is below it, and equals cannot be waived', () => {
    const faultsOf = (item: string, measure: string, op: 'at_most' | 'at_least', value: number) => {
      const covers = { state: 'fail', bounds: [{ measure, op, value }] } as const
      return judgeGate(go({ waivers: [waiver({ item, covers })] })).faults.map(({ code }) => code)
    }
    expect(faultsOf('E5', 'load_share', 'at_least', 1.2)).toEqual([])
    expect(faultsOf('E5', 'load_share', 'at_least', 1.6)).toEqual(['waiver_bound_not_looser'])
    expect(faultsOf('F4', 'half_open_calls', 'at_most', 5)).toEqual(['waiver_bound_of_equals'])
    const bounds = [{ measure: 'load_share', op: 'at_least', value: 1.2 }] as const
    const slow = (load_share: number) =>
      toVerdict(
        goBut(
          'E5',
          { measured: { ...passing(toItem('E5')).measured, load_share } },
          { waivers: [waiver({ item: 'E5', covers: { state: 'fail', bounds } })] },
        ),
        'E5',
      ).state
    expect([slow(1.3), slow(1.1)]).toEqual(['waived', 'fail'])
  })
  test('what a waiver covers is a bound or a reason code', () => {
    expect(formatCover(waiver().covers)).toBe('memory_share at most 0.9')
    expect(formatCover({ state: 'inconclusive', code: 'disk_full' })).toBe('disk_full')
  })
  test('an inconclusive item is not waived after a failure in this attempt', () => {
    const covers = { state: 'inconclusive', code: 'target_missing' } as const
    const last = {
      ...passing(toItem('H4')),
      result: 'inconclusive',
      codes: ['target_missing'],
    } as const
    const judge = (earlier: Partial<EvidenceDraft>) =>
      toVerdict(
        go({
          evidence: whole([
            ...CHECKLIST.items.map((item) => passing(item)),
            { ...passing(toItem('H4')), ...earlier },
            last,
          ]),
          waivers: [waiver({ covers })],
        }),
        'H4',
      ).codes
    expect(judge({})).toEqual(['target_missing'])
    expect(judge({ result: 'fail' })).toEqual(['target_missing', 'waiver_after_failure'])
    expect(judge(broken)).toEqual(['target_missing', 'waiver_after_failure'])
    expect(judge({ ...broken, identity: { ...IDENTITY, cutover_id: 'another' } })).toEqual([
      'target_missing',
    ])
  })
  test('the security lead must attest every waiver in use', () => {
    const input = withWaiver({ id: 'WV-2' })
    expect(toVerdict(input, 'J3')).toMatchObject({ state: 'pending', detail: 'WV-2' })
  })
  test('none of four active waivers applies; expired ones are not counted', () => {
    const four = (expires_at: Instant): GateInput => ({
      ...withWaiver(),
      waivers: [
        waiver(),
        ...['H1', 'H2', 'I3'].map((item, index) =>
          waiver({
            item,
            id: `WV-${index + 2}`,
            expires_at,
            covers: { state: 'inconclusive', code: 'x' },
          }),
        ),
      ],
    })
    expect(judgeGate(four(at(1_000)))).toMatchObject({
      verdict: 'no_go',
      faults: [{ code: 'waivers_too_many' }],
    })
    expect(judgeGate(four(NOW)).verdict).toBe('go')
  })
})

describe('for any evidence', () => {
  const CHANGES: readonly Partial<EvidenceDraft>[] = [
    {},
    {},
    {},
    { result: 'fail', codes: ['x'] },
    { result: 'inconclusive', codes: ['x'] },
    { result: 'error', codes: ['x'] },
    { ended_at: at(-30 * 86_400_000) },
    { where: 'staging' },
    { kind: 'control', limit: 'x' },
    { sample_size: 0 },
  ]
  const drafts = fc
    .array(fc.tuple(fc.nat(41), fc.constantFrom(...CHANGES)), { maxLength: 3 })
    .map((changes) => {
      const all = CHECKLIST.items.map((item) => passing(item))
      const more = changes.map(([index, change]) => ({ ...all[index], ...change }) as EvidenceDraft)
      return [...all, ...more]
    })
  const signoffs = fc.constantFrom<GateInput['signoff']>(
    signed(),
    signed(),
    { status: 'missing', roles: ['platform-lead'] },
    { status: 'stale', code: 'plan_changed', detail: '' },
    { status: 'refused', code: 'key_unknown', detail: '' },
  )
  const inputs = fc
    .record({ drafts, signoff: signoffs })
    .map(({ drafts: all, signoff }) => ({ input: go({ evidence: whole(all), signoff }), all }))

  test('the states sum to 42, and the exit of highest precedence decides', () =>
    fc.assert(
      fc.property(inputs, ({ input }) => {
        const { items, counts, exitName, verdict } = judgeGate(input)
        expect(Object.values(counts).reduce((all, one) => all + one, 0)).toBe(42)
        expect(items.map(({ id }) => id)).toEqual(CHECKLIST.items.map(({ id }) => id))
        const weights = {
          pass: 'ok',
          waived: 'ok',
          fail: 'no_go',
          inconclusive: 'inconclusive',
          error: 'inconclusive',
          stale: 'not_ready',
          pending: 'not_ready',
        } as const
        const refused = input.signoff.status === 'refused' ? (['untrusted'] as const) : []
        expect(exitName).toBe(
          decideExit('ok', ...items.map(({ state }) => weights[state]), ...refused),
        )
        expect(EXIT_STATUSES[exitName][0] === 0).toBe(verdict === 'go')
      }),
    ))

  test('removing, ageing or failing a result never causes a GO', () =>
    fc.assert(
      fc.property(
        inputs,
        fc.nat(),
        fc.constantFrom('remove', 'age', 'fail'),
        ({ input, all }, index, how) => {
          const place = index % all.length
          const ways: Record<typeof how, () => GateInput['evidence']> = {
            remove: () => {
              const { entries, ...log } = toLog([...all, ...CONTROLS])
              const rest = judgeChain(entries.toSpliced(place, 1), log)
              return rest.status === 'untrusted' ? rest : { status: 'whole', logs: [rest] }
            },
            age: () =>
              whole(
                all.with(place, {
                  ...(all[place] as EvidenceDraft),
                  ended_at: at(-30 * 86_400_000),
                }),
              ),
            fail: () =>
              whole([...all, { ...(all[place] as EvidenceDraft), result: 'fail', codes: ['x'] }]),
          }
          const after = judgeGate({ ...input, evidence: ways[how]() })
          // Less or worse evidence never improves the verdict.
          if (judgeGate(input).verdict !== 'go') expect(after.verdict).not.toBe('go')
          if (how !== 'age') expect(after.verdict).not.toBe('go')
        },
      ),
    ))

  test('a GO holds exactly until its end, and a NO-GO never becomes a GO by time', () =>
    fc.assert(
      fc.property(inputs, fc.integer({ min: 0, max: 40 * 86_400_000 }), ({ input }, ms) => {
        const before = judgeGate(input)
        const after = judgeGate({ ...input, now: at(ms) })
        if (before.verdict === 'no_go') expect(after.verdict).not.toBe('go')
        if (before.valid_until === null) return
        expect(after.verdict === 'go').toBe(at(ms) < before.valid_until)
      }),
    ))
  test('a GO ends exactly at valid_until', () => {
    const { valid_until } = judgeGate(go())
    const end = valid_until as Instant
    const last = new Date(Date.parse(end) - 1).toISOString() as Instant
    expect(judgeGate(go({ now: last })).verdict).toBe('go')
    expect(judgeGate(go({ now: end })).verdict).toBe('not_ready')
  })
  test('an empty checklist is never a GO', () =>
    expect(judgeGate(go({ checklist: { groups: [], items: [] } })).verdict).toBe('not_ready'))
})

describe('what the judgement says besides the verdict', () => {
  const missing = { status: 'missing', roles: ['platform-lead', 'security-lead'] } as const
  test('every state is counted', () => {
    const changes: Readonly<Record<string, Partial<EvidenceDraft>>> = {
      A1: { result: 'fail' },
      A2: { result: 'inconclusive' },
      A3: { result: 'error' },
      A4: { ended_at: at(-30 * 86_400_000) },
      H4: { measured: { memory_share: 0.85, connections_share: 0.5, disk_share: 0.5 } },
    }
    const drafts = WITHOUT('A5').map((draft) => ({ ...draft, ...changes[draft.item] }))
    const items = CHECKLIST.items.filter(({ kind, attest_role }) => {
      return kind !== 'signature' && attest_role === null
    })
    const checklist = { ...CHECKLIST, items }
    const judged = judgeGate(go({ checklist, evidence: whole(drafts), waivers: [waiver()] }))
    const pass = items.length - 6
    expect(judged.counts).toEqual({
      pass,
      waived: 1,
      fail: 1,
      inconclusive: 1,
      error: 1,
      stale: 1,
      pending: 1,
    })
  })
  test('what expires next is in the order of time, then of the checklist', () => {
    const { items, expires_next } = judgeGate(go())
    const ends = items.map(({ id, valid_until }) => ({ id, at: valid_until as Instant }))
    const all = [...ends, { id: 'log ci', at: at(3_600_000) }]
    expect(expires_next).toEqual(all.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)))
  })
  test('a plan that is over ends a GO also without the item of the plan', () => {
    const checklist = { ...CHECKLIST, items: CHECKLIST.items.filter(({ id }) => id !== 'J1') }
    const until = (plan_until: Instant) => judgeGate(go({ checklist, plan_until })).exitName
    expect([until(at(1)), until(NOW)]).toEqual(['ok', 'not_ready'])
  })
  test('without signature items a sign-off that is none still decides', () => {
    const items = CHECKLIST.items.filter(({ attest_role }) => attest_role === null)
    const judge = (signoff: GateInput['signoff']) =>
      judgeGate(go({ checklist: { ...CHECKLIST, items }, signoff })).exitName
    const code = 'trust_missing'
    expect([
      judge(signed()),
      judge(missing),
      judge({ status: 'inconclusive', code, detail: '' }),
      judge({ status: 'refused', code, detail: '' }),
    ]).toEqual(['ok', 'not_ready', 'inconclusive', 'untrusted'])
  })
  test('the fault of a sign-off comes before those of the logs', () => {
    const signoff = { status: 'inconclusive', code: 'trust_missing', detail: 'none' } as const
    const evidence = { status: 'untrusted', code: 'evidence_cut', detail: 'line 3' } as const
    expect(judgeGate(go({ signoff, evidence })).faults).toEqual([
      { code: 'trust_missing', detail: 'none' },
      { code: 'evidence_cut', detail: 'line 3' },
    ])
  })
  test.each<readonly [string, Partial<EvidenceDraft>, GateInput['signoff'], string]>([
    ['signed, and measured', {}, signed(), 'pass'],
    ['not signed', {}, missing, 'pending signature_missing | platform-lead'],
    [
      'signed, and not measured for that reason',
      { result: 'inconclusive', codes: ['flaky'], example: 'twice' },
      signed(),
      'inconclusive flaky | twice',
    ],
    [
      'neither signed nor measured: the heavier state',
      { result: 'inconclusive', codes: ['flaky'], example: 'twice' },
      missing,
      'inconclusive signature_missing flaky | platform-lead; twice',
    ],
    [
      'refused, and stale',
      { ended_at: at(-30 * 86_400_000) },
      { status: 'refused', code: 'key_unknown', detail: '' },
      `fail key_unknown evidence_old | measured at ${at(-30 * 86_400_000)}`,
    ],
    [
      'neither signed nor measured for the same reason',
      { result: 'inconclusive', codes: ['signature_missing'] },
      missing,
      'inconclusive signature_missing | platform-lead',
    ],
  ])('a signature item that is %s', (_what, change, signoff, said) => {
    const { state, codes, detail, waiver: used } = toVerdict(goBut('J2', change, { signoff }), 'J2')
    expect([[state, ...codes].join(' '), detail].filter((text) => text !== '').join(' | ')).toBe(
      said,
    )
    expect(used).toBeNull()
  })
  test('a signature item ends with its signature or its measurement, whichever is first', () => {
    const ends = (ms: number) => {
      const signatures = signed().signatures.map((one) => ({ ...one, signed_at: at(ms) }))
      return toVerdict(go({ signoff: signed({ signatures }) }), 'J2').valid_until
    }
    const hours = 72 * 3_600_000
    expect(ends(-3_600_000)).toBe(at(hours - 3_600_000))
    expect(ends(-1_000)).toBe(at(hours - 60_000))
  })
  test('an untrusted log leaves every item without a value or an end', () => {
    const evidence = { status: 'untrusted', code: 'evidence_cut', detail: 'line 3' } as const
    const A1 = toItem('A1')
    expect(toVerdict(go({ evidence }), 'A1')).toEqual({
      id: 'A1',
      group: 'A',
      state: 'error',
      codes: ['evidence_cut'],
      detail: 'line 3',
      measured: A1.limits.map((limit) => ({ limit, value: null, held: false })),
      valid_until: null,
      evidence: null,
      waiver: null,
    })
  })
  test('a waived item names its waiver, and ends with it or with its measurement', () => {
    const broken = { measured: { memory_share: 0.85, connections_share: 0.5, disk_share: 0.5 } }
    const until = (expires_at: Instant) =>
      toVerdict(goBut('H4', broken, { waivers: [waiver({ expires_at })] }), 'H4')
    expect(until(at(1_000))).toMatchObject({ waiver: 'WV-1', valid_until: at(1_000) })
    expect(until(at(5 * 86_400_000)).valid_until).toBe(at(86_400_000 - 60_000))
  })
  test('too many active waivers are counted in the fault', () => {
    const waivers = ['H1', 'H2', 'I3', 'H4'].map((item, index) =>
      waiver({ id: `WV-${index}`, item, covers: { state: 'inconclusive', code: 'x' } }),
    )
    expect(judgeGate(go({ waivers })).faults).toEqual([
      { code: 'waivers_too_many', detail: '4 are active, at most 3 are allowed' },
    ])
    expect(judgeGate(go({ waivers: waivers.slice(1) })).verdict).toBe('go')
  })
})
