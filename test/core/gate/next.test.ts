import { describe, expect, test } from 'vitest'
import { parseDurationMs, findEarliest, addMs } from '../../../src/core/gate/duration.ts'
import { judgeLimits } from '../../../src/core/gate/limits.ts'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import {
  buildRemeasureCommand,
  findFirstStep,
  findItemStep,
  findRunStep,
  formatStep,
  type JudgedItem,
  type StepFacts,
} from '../../../src/core/gate/next.ts'
import { findReason, REASONS } from '../../../src/core/gate/reasons.ts'
import { COMMANDS } from '../../../src/commands/declarations/index.ts'
import { EXIT_BY_CODE } from '../../../src/errors.ts'
import type { GateItemState } from '../../../src/core/gate/types.ts'
import { at, CHECKLIST, go, IDENTITY, toItem, NOW, whole } from './builders.ts'

describe('durations', () => {
  test.each([
    ['PT1H', 3_600_000],
    ['PT24H', 86_400_000],
    ['P7D', 604_800_000],
    ['P14D', 1_209_600_000],
    ['P1W', 0],
    ['about P7D', 0],
    ['P7D or so', 0],
    ['PT1H or so', 0],
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

const FACTS: StepFacts = {
  waiting: [],
  signers: { 'platform-lead': 'ada', 'security-lead': 'grace' },
  unknown: [],
}
const judgedItem = (
  id: string,
  state: GateItemState,
  codes: readonly string[],
  detail = '',
): JudgedItem => ({ item: toItem(id), found: { state, codes, detail } })

describe('the step of an item', () => {
  test.each<readonly [string, GateItemState, readonly string[], string, string | null]>([
    ['A1', 'pass', [], '', null],
    ['H4', 'waived', ['limit_broken'], '', null],
    ['A1', 'pending', ['no_record'], '', 'ff probe run A1'],
    ['A1', 'fail', ['limit_broken'], '', 'ff probe run A1'],
    ['J1', 'fail', ['limit_broken'], '', 'ff plan check'],
    ['A1', 'inconclusive', ['control_not_run'], '', 'ff probe selftest A1'],
    ['H2', 'inconclusive', ['control_not_run'], '', 'ff probe selftest H2'],
    ['H2', 'inconclusive', ['too_few_samples'], '', 'ff probe run H2'],
    ['B1', 'inconclusive', ['measured_elsewhere'], '', 'ff plan check'],
    ['D1', 'inconclusive', ['measured_elsewhere'], '', 'ff probe explain D1'],
    ['B1', 'stale', ['identity_not_said'], 'cutover_id; code', 'ff plan new'],
    ['A1', 'stale', ['identity_not_said'], 'code', 'ff config show --origin'],
    ['A1', 'stale', ['identity_not_said'], 'code; environment', 'ff plan new'],
    ['A1', 'stale', ['identity_not_said'], 'attempt', 'ff plan new'],
    ['A1', 'stale', ['identity_not_said'], 'database', 'ff plan new'],
    ['D1', 'inconclusive', ['identity_not_said'], 'The instances differ.', 'ff probe run D1'],
    ['J1', 'stale', ['input_changed', 'plan_over'], 'x; there is no plan', 'ff plan new'],
    ['J1', 'stale', ['plan_over'], '2026-01-15T10:00:00.000Z', 'ff plan check'],
    ['J1', 'stale', ['evidence_old', 'plan_over'], '2026-01-15T10:00:00.000Z', 'ff plan check'],
    ['A1', 'inconclusive', ['a_code_of_a_later_version'], 'what it said', 'ff probe run A1'],
    ['J2', 'pending', ['signature_missing'], '', 'ff signoff request'],
    ['J3', 'stale', ['accepted_since_signing'], '', 'ff signoff request'],
    ['J3', 'fail', ['key_unknown'], '', 'ff signoff request'],
    ['J2', 'stale', ['attempt_ended'], '', 'ff signoff request'],
    ['B1', 'stale', ['attempt_ended'], '2', `grep -n '"attempt"' checklists/plan.json`],
    ['J2', 'stale', ['evidence_old'], '', 'ff probe run J2'],
    ['G3', 'pending', ['attestation_missing'], '', 'ff signoff request'],
    ['B1', 'error', ['trust_rolled_back'], '', 'ff trust show'],
    ['A1', 'inconclusive', ['clock_set_back'], '', null],
    ['A1', 'inconclusive', ['clock_set_back', 'control_not_run'], '', 'ff probe selftest A1'],
  ])('%s, %s %j %s', (id, state, codes, detail, command) => {
    const { fix, next } = findItemStep(judgedItem(id, state, codes, detail), FACTS)
    expect(next).toBe(command)
    expect(fix === null).toBe(state === 'pass' || state === 'waived')
  })
  test.each<readonly [string, StepFacts['waiting'], string]>([
    ['J2', ['platform-lead', 'security-lead'], 'ff signoff sign --key ada.key.json'],
    ['J3', ['platform-lead', 'security-lead'], 'ff signoff sign --key grace.key.json'],
    ['G3', ['platform-lead', 'security-lead'], 'ff signoff sign --key grace.key.json'],
    ['G3', ['platform-lead'], 'ff signoff sign --key ada.key.json'],
  ])('%s of a statement that waits for %j', (id, waiting, command) => {
    const item = judgedItem(id, 'pending', ['signature_missing'])
    expect(findItemStep(item, { ...FACTS, waiting }).next).toBe(command)
  })
  test('of a role that has not signed, without an item', () => {
    const fault = { code: 'role_missing', detail: 'security-lead' }
    const waiting = ['platform-lead', 'security-lead'] as const
    const step = findRunStep(fault, { ...FACTS, waiting })
    expect(formatStep(step)).toBe(
      'A role has not signed. Then: `ff signoff sign --key grace.key.json`',
    )
    expect(formatStep({ ...step, next: null })).toBe('A role has not signed.')
  })
  test('has the words of every reason, and those of the probe where ff knows none', () => {
    const own = judgedItem('E5', 'fail', ['limit_broken', 'waiver_expired'])
    expect(findItemStep(own, FACTS).fix).toBe(
      `${toItem('E5').remediation} ${REASONS.waiver_expired.fix({} as never)}`,
    )
    const other = judgedItem('E5', 'inconclusive', ['target_missing'], 'Set FF_DATABASE_URL.')
    expect(findItemStep(other, FACTS).fix).toBe('Set FF_DATABASE_URL.')
    const silent = judgedItem('E5', 'inconclusive', ['target_missing'])
    expect(findItemStep(silent, FACTS).fix).toMatch(/does not say why/)
  })
  test.each([
    ['checklists/rollback_triggers.json', true],
    ['checklists/plan.json', false],
  ])('names the template of a missing %s: %s', (path, named) => {
    const { fix } = findItemStep(judgedItem('I4', 'inconclusive', ['input_missing'], path), FACTS)
    expect([fix?.includes(path), fix?.includes('`cp checklists/templates/')]).toEqual([true, named])
  })
})

describe('the first step', () => {
  const stale = judgedItem('A1', 'stale', ['evidence_old'])
  const failing = judgedItem('A2', 'fail', ['limit_broken'])
  const elsewhere = judgedItem('B1', 'inconclusive', ['measured_elsewhere'])
  const flaky = judgedItem('C1', 'inconclusive', ['flaky'])
  const untried = judgedItem('A3', 'inconclusive', ['control_not_run'])
  const another = judgedItem('A5', 'inconclusive', ['control_stale'])
  const waits = judgedItem('H3', 'inconclusive', ['clock_set_back'])
  const unsigned = judgedItem('J2', 'pending', ['signature_missing'])
  const unattested = judgedItem('G3', 'pending', ['attestation_missing'])
  const all = [stale, failing, elsewhere, waits, unattested, unsigned]
  test.each<readonly [string, readonly JudgedItem[], readonly string[], string | null]>([
    ['the trust file', all, ['head_stale', 'trust_pin_missing'], 'ff trust pin'],
    ['a failing item', all, ['head_stale'], 'ff probe run A2'],
    ['a place', [stale, elsewhere], ['head_stale'], 'ff plan check'],
    ['a log that is not here', all, ['head_stale', 'log_missing'], 'ff evidence seal --first'],
    ['measuring again', [stale, untried, flaky, unsigned], ['head_stale'], 'ff probe run A1'],
    ['the controls', [untried, flaky, another, waits], ['head_stale'], 'ff probe selftest A3 A5'],
    ['another item', [flaky, waits, unsigned], ['head_stale'], 'ff probe run C1'],
    ['a log', [waits, unsigned], ['head_stale'], 'ff evidence seal'],
    ['what waits for a person', [waits, unattested, unsigned], [], null],
    ['the signatures', [unattested, unsigned], [], 'ff signoff request'],
  ])('is %s', (_what, judged, codes, command) => {
    const faults = codes.map((code) => ({ code, detail: '' }))
    const step = findFirstStep(judged, faults, FACTS)
    expect(step.next).toBe(command)
    expect(step.fix).toMatch(/\S/)
  })
  test.each([
    [['environment', 'database'], 'ff plan new'],
    [['code'], 'ff config show --origin'],
  ])('is the identity where %j is not known', (unknown, command) =>
    expect(findFirstStep(all, [], { ...FACTS, unknown }).next).toBe(command),
  )
  test('is none where nothing is open', () =>
    expect(findFirstStep([judgedItem('A1', 'pass', [])], [], FACTS)).toEqual({
      fix: null,
      next: null,
    }))
})

test('one command measures exactly the stale and never measured items', () => {
  const judged = (change: Parameters<typeof go>[0]): readonly JudgedItem[] =>
    judgeGate(go(change)).items.map((found) => ({ item: toItem(found.id), found }))
  // The items of the target name the attempt; A1 and C3 do not.
  const command = buildRemeasureCommand(judged({ expected: { ...IDENTITY, attempt: 2 } }))
  expect(command).toBe('ff probe run B1 B2 B4 C1 C2 G2')
  expect(buildRemeasureCommand(judged({}))).toBeNull()
  const ids = CHECKLIST.items.map(({ id }) => id)
  expect(buildRemeasureCommand(judged({ evidence: whole([]) }))).toBe(
    `ff probe run ${ids.join(' ')}`,
  )
})

describe('the table of reasons', () => {
  const given = (codes: keyof typeof REASONS) => {
    const [item, ...others] = ['A1', 'J1', 'H2', 'H3', 'J2'].map(toItem)
    const args = [item, ...others, null].flatMap((one) =>
      [true, false].map((flag) => ({
        item: one ?? null,
        detail: 'there is no plan',
        unclosed: flag,
        waiting: flag ? (['security-lead'] as const) : [],
        signers: FACTS.signers,
      })),
    )
    return args.map((one) => [REASONS[codes].fix(one), REASONS[codes].next(one)] as const)
  }
  const codes = Object.keys(REASONS) as (keyof typeof REASONS)[]
  const names = new Set(
    COMMANDS.flatMap(({ noun, commands }) =>
      commands.map(({ name }) => (noun === null ? name : `${noun} ${name}`)),
    ),
  )
  /** Each `ff` command of a line, by its name. */
  const commandsIn = (line: string): readonly string[] =>
    line
      .split(/&&|>|;/)
      .map((part) => part.trim())
      .filter((part) => part.startsWith('ff '))
      .map((part) => part.split(' ').slice(1, 3).join(' '))
  test.each(codes)('%s has words, and names only commands of ff', (code) => {
    for (const [fix, next] of given(code)) {
      if (code !== 'limit_broken' && code !== 'probe_failed') expect(fix).toMatch(/^[A-Z\w].*\S$/)
      const lines = [...[...fix.matchAll(/`([^`]+)`/g)].map(([, line = '']) => line), next ?? '']
      for (const name of lines.flatMap(commandsIn))
        expect([...names].filter((one) => `${name} `.startsWith(`${one} `))).toHaveLength(1)
    }
  })
  const FLAGS = ['person', 'again', 'earlier', 'first'] as const
  /** For A1, where the platform lead has not signed. */
  test.each<readonly [string | null, readonly (typeof FLAGS)[number][], string]>([
    [
      'ff probe run A1',
      ['again'],
      'no_record runner_not_current identity_changed probe_changed item_changed build_differs input_changed input_missing evidence_old',
    ],
    ['ff probe run A1 --allow-disrupt A1', ['person'], 'disrupt_not_allowed'],
    [null, ['person'], 'clock_set_back signed_in_future'],
    [
      'ff trust rotate --runner .ff/runner.pub.json --key ada.key.json',
      ['person'],
      'runner_not_named runner_not_for_place',
    ],
    ['ff plan check', ['person', 'earlier'], 'measured_elsewhere plan_over'],
    ['ff probe run A1', ['person', 'earlier'], 'identity_not_said'],
    [
      'ff probe run A1',
      ['person'],
      'no_reason_given limit_broken probe_failed system_refused backing_unavailable command_unanswered disk_full embedded_unavailable evidence_old_form evidence_unreadable evidence_unwritable identity_incomplete key_file_unreadable mirror_behind outcome_unknown output_failed production_refused proof_inconclusive request_inconclusive request_unsendable rights_missing row_refused service_refused sides_alike signer_failed signoff_unwritable step_backed_out step_unsettled store_corrupt store_empty target_missing target_read_only target_unreachable',
    ],
    [
      'ff probe selftest A1',
      [],
      'control_not_run control_not_detected control_runner_not_named control_stale',
    ],
    ['ff probe run A1', [], 'measure_missing too_few_samples flaky probe_broke'],
    [
      'ff waiver list',
      ['person'],
      'waiver_expired waiver_not_yet_requested waiver_not_approved waiver_for_another_cutover waiver_after_failure waiver_past_bound waiver_covers_another_state waiver_covers_another_reason',
    ],
    ['ff waiver lint', ['person'], 'waiver_altered'],
    [null, ['person', 'first'], 'decision_about_another'],
    [
      'ff evidence list',
      ['person', 'first'],
      'evidence_edited evidence_cut evidence_reordered evidence_recomputed evidence_missing evidence_forked',
    ],
    [
      'ff trust show',
      ['person', 'first'],
      'withdrawal_missing trust_pin_mismatch trust_malformed trust_kid_differs trust_key_weak trust_key_shared trust_role_unfilled trust_chain_broken trust_unsigned trust_rolled_back trust_forked trust_expired',
    ],
    ['ff evidence seal --first', ['first'], 'log_missing'],
    ['ff evidence seal', [], 'head_stale'],
    [
      'ff trust init --platform-lead ada.pub.json --security-lead grace.pub.json --runner .ff/runner.pub.json',
      ['person', 'first'],
      'trust_missing',
    ],
    ['ff trust pin', ['person', 'first'], 'trust_pin_missing trust_pin_outdated'],
    [
      'ff signoff sign --key ada.key.json',
      [],
      'signature_missing attestation_missing role_missing',
    ],
    [
      'ff signoff request',
      [],
      'signature_old accepted_since_signing failed_since_signing signature_withdrawn statement_revoked signoff_expired decision_no_go environment_differs cutover_differs attempt_ahead database_changed schema_changed code_changed build_changed config_changed subject_not_covered checklist_changed waivers_changed plan_changed triggers_changed inputs_changed signed_before_evidence key_revoked key_outside_window key_unknown role_not_of_signer person_not_of_signer key_repeated person_repeated',
    ],
    ['grep -n \'"attempt"\' checklists/plan.json', ['person'], 'attempt_ended'],
    ['ff signoff verify', ['person'], 'withdrawal_invalid'],
    [
      'ff signoff request',
      ['person'],
      'envelope_malformed envelope_not_canonical unprotected_header header_malformed header_key_embedded alg_none alg_symmetric alg_not_allowed typ_wrong meaning_wrong signature_malformed signature_invalid payload_altered duplicate_member payload_not_canonical statement_malformed',
    ],
  ])('leads to %s, marked %j: %s', (command, flags, found) => {
    const args = {
      item: toItem('A1'),
      detail: 'x',
      unclosed: false,
      waiting: ['platform-lead'] as const,
      signers: FACTS.signers,
    }
    const own = codes.filter((code) => {
      const marks = FLAGS.filter((flag) => REASONS[code][flag] === true)
      return REASONS[code].next(args) === command && marks.join() === flags.join()
    })
    expect(own.toSorted()).toEqual(found.split(' ').toSorted())
  })
  test('says where a log can be sealed, and that one of a runner that has ended is closed', () => {
    const fault = { code: 'head_stale', detail: 'runner has ended, sealed at noon' }
    expect(findRunStep(fault, FACTS).fix).toContain(
      'on the machine of the runner run `ff evidence seal`',
    )
    const closing = findRunStep({ ...fault, unclosed: true }, FACTS).fix
    expect(closing).toContain('The next version of the trust file closes the log')
    expect(closing).not.toContain('ff evidence seal')
  })
  test('has the commands that make keys and trust file', () => {
    const { fix, next } = findRunStep({ code: 'trust_missing', detail: '' }, FACTS)
    for (const person of ['ada', 'grace'])
      expect(fix).toContain(
        `\`ff key new --person ${person} --name ${person} --out ${person}.key.json && ff key show ${person}.key.json > ${person}.pub.json\``,
      )
    expect(next).toBe(
      'ff trust init --platform-lead ada.pub.json --security-lead grace.pub.json --runner .ff/runner.pub.json',
    )
  })
  test('has a row for each error by which a probe cannot measure', () => {
    const unmeasured = Object.entries(EXIT_BY_CODE).filter(([, exit]) => exit === 'inconclusive')
    expect(unmeasured.length).toBeGreaterThan(10)
    expect(unmeasured.filter(([code]) => !Object.hasOwn(REASONS, code))).toEqual([])
    expect(findReason('toString')).toBe(findReason('never heard of'))
  })
})

test('an item that waits for a person comes before a signature, wherever it stands', () => {
  const signature = judgedItem('J2', 'pending', ['signature_missing'])
  const waiting = judgedItem('H3', 'pending', ['no_record'])
  const first = findFirstStep([signature, waiting], [], FACTS)
  expect(first).toEqual(findFirstStep([waiting], [], FACTS))
  expect(first.fix).not.toBeNull()
})

test('old evidence is not measured again before the plan that is over', () => {
  const old = judgedItem('J1', 'stale', ['evidence_old'])
  const over = judgedItem('J1', 'stale', ['evidence_old', 'plan_over'])
  expect(buildRemeasureCommand([old])).toBe('ff probe run J1')
  expect(buildRemeasureCommand([over])).toBeNull()
})
