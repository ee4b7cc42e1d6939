import { describe, expect, test } from 'vitest'
import { checkTrust } from '../../../src/core/signoff/trust.ts'
import { judgeSignoffNow } from '../../../src/features/signoff/context.ts'
import { listRequiredAttestations } from '../../../src/core/signoff/gate-state.ts'
import { diffStatements } from '../../../src/core/signoff/changes.ts'
import {
  packDecision,
  subjectDigests,
  unpackDecision,
} from '../../../src/core/signoff/decision-file.ts'
import { formatStatement } from '../../../src/core/signoff/statement.ts'
import { formatWaiver, verifyWaivers } from '../../../src/core/signoff/waivers.ts'
import type {
  SignatureHeader,
  SignedStatement,
  WaiverEntry,
} from '../../../src/core/signoff/types.ts'
import {
  alice,
  asSigner,
  bob,
  digest,
  encode,
  envelopeText,
  NOW,
  type Person,
  PREPARED,
  PRESENT,
  signedBy,
  signRaw,
  toHeader,
  tools,
  TRUST,
  trustText,
} from './people.ts'

const asked = (id: string, attest_role: Person['role']) => ({
  id,
  kind: 'probe_and_attestation' as const,
  attest_role,
  probe: { name: 'x', version: 1, params: {} },
})
const WAIVER: WaiverEntry = {
  id: 'WV-1',
  item: 'E5',
  environment: 'production',
  cutover_id: 'flags-to-postgres',
  attempt: 2,
  covers: { state: 'fail', bounds: [{ measure: 'p99_ms', op: 'at_most', value: 80 }] },
  reason: 'the peak is a week away',
  risk: 'slow answers',
  compensation: 'two more replicas',
  requester: 'dora',
  requested_at: '2026-01-14T09:00:00.000Z',
  expires_at: '2026-01-20T09:00:00.000Z',
  approvals: [],
}
function approval(waiver: WaiverEntry, who: Person, ff: Partial<SignatureHeader['ff']> = {}) {
  const header = {
    ...toHeader(who, { meaning: 'approves-waiver', attests: [], ...ff }),
    typ: 'ff-waiver+jws',
  }
  const payload = encode(formatWaiver(waiver))
  const { protected: shown, signature } = signRaw(payload, header, who.key)
  return {
    person: who.person,
    role: who.role,
    kid: who.kid,
    jws: `${shown}.${payload}.${signature}`,
  }
}
const verify = (waiver: WaiverEntry, trust: typeof TRUST | null = TRUST) =>
  verifyWaivers(
    { kind: 'waivers', schemaVersion: 1, waivers: [waiver] },
    { trust, now: NOW },
    tools,
  )
const codes = (waiver: WaiverEntry): readonly string[] =>
  verify(waiver).faults.map(({ code }) => code)

describe('approvals of a waiver', () => {
  const approved = { ...WAIVER, approvals: [approval(WAIVER, alice), approval(WAIVER, bob)] }
  const [first, second] = approved.approvals as [
    WaiverEntry['approvals'][number],
    WaiverEntry['approvals'][number],
  ]
  test('valid ones are returned by person and role', () => {
    expect(verify(approved)).toEqual({
      waivers: [
        {
          ...WAIVER,
          approvals: [
            { person: 'alice', role: 'platform-lead' },
            { person: 'bob', role: 'security-lead' },
          ],
        },
      ],
      faults: [],
      until: asSigner(alice).until,
    })
  })
  test('the first of their keys that ends is known', () => {
    const until = '2026-01-16T00:00:00.000Z'
    const signers = [asSigner(alice), { ...asSigner(bob), until }]
    const trust = { ...TRUST, signers }
    expect(verify(approved, trust)).toMatchObject({ faults: [], until })
    const byAlice = { ...WAIVER, approvals: [approval(WAIVER, alice)] }
    expect(verify(byAlice, trust).until).toBe(asSigner(alice).until)
  })
  test('none is valid without a trust file', () => {
    expect(verify(approved, null)).toEqual({ waivers: [WAIVER], faults: [], until: null })
  })
  const changed: readonly (readonly [string, string, WaiverEntry])[] = [
    ['for a waiver that was edited later', 'waiver_altered', { ...approved, expires_at: NOW }],
    [
      'for another waiver',
      'waiver_altered',
      { ...WAIVER, approvals: [approval({ ...WAIVER, item: 'A3' }, alice)] },
    ],
    [
      'with a fourth part in the JWS',
      'waiver_altered',
      { ...WAIVER, approvals: [{ ...first, jws: `${first.jws}.x` }] },
    ],
    ['with an empty JWS', 'waiver_altered', { ...WAIVER, approvals: [{ ...first, jws: '' }] }],
    [
      'under the name of another person',
      'person_not_of_signer',
      { ...WAIVER, approvals: [{ ...first, person: 'dora' }] },
    ],
    [
      'under another role',
      'person_not_of_signer',
      { ...WAIVER, approvals: [{ ...first, role: 'security-lead' }] },
    ],
    [
      'under another kid',
      'person_not_of_signer',
      { ...WAIVER, approvals: [{ ...first, kid: second.kid }] },
    ],
    [
      'with the meaning of a sign-off',
      'meaning_wrong',
      { ...WAIVER, approvals: [approval(WAIVER, alice, { meaning: 'approves-decision' })] },
    ],
  ]
  test('a fault names the waiver and the person', () => {
    const faultsOf = (change: Partial<typeof first>) =>
      verify({ ...WAIVER, approvals: [{ ...first, ...change }] }).faults
    expect(faultsOf({ jws: '' })).toEqual([
      { id: 'WV-1', code: 'waiver_altered', detail: 'alice signed another text' },
    ])
    expect(faultsOf({ person: 'dora' })).toEqual([
      { id: 'WV-1', code: 'person_not_of_signer', detail: 'dora: the key is of alice' },
    ])
  })
  test.each(changed)('one %s is invalid: %s', (_what, code, waiver) => {
    expect(new Set(codes(waiver))).toEqual(new Set([code]))
    expect(verify(waiver).waivers[0]?.approvals).toEqual([])
  })
})

test('each role attests its own items, and the security lead A, F, G, each waiver and each command', () => {
  const item = (
    id: string,
    kind: 'signature' | 'probe' | 'command',
    attest_role: Person['role'] | null,
    attests?: unknown,
  ) => ({
    id,
    kind,
    attest_role,
    probe: { name: 'x', version: 1, params: { attests } },
  })
  const items = [
    item('A1', 'probe', null),
    item('G3', 'probe', 'security-lead'),
    item('J1', 'probe', 'platform-lead'),
    item('J2', 'signature', 'platform-lead'),
    item('J3', 'signature', 'security-lead', ['A', 'F', 'G', 'waivers', 'commands']),
  ]
  expect(listRequiredAttestations(items, ['WV-1', 'WV-2'])).toEqual({
    'platform-lead': ['J1'],
    'security-lead': ['G3', 'A', 'F', 'G', 'WV-1', 'WV-2'],
  })
  const commanded = [...items, item('H2', 'command', null)].map((one) =>
    one.id === 'G3' ? { ...one, kind: 'command' as const } : one,
  )
  expect(listRequiredAttestations(commanded, [])['security-lead']).toEqual([
    'G3',
    'A',
    'F',
    'G',
    'H2',
  ])
})

test('two statements differ in members of the identity, accepted items, decision, files and trust', () => {
  const before = JSON.parse(formatStatement(PREPARED)) as SignedStatement
  const after = JSON.parse(
    formatStatement({
      ...PREPARED,
      identity: { ...PREPARED.identity, code: 'sha256:bb' },
      accepted: { A1: 'pass', A3: 'pass' },
    }),
  ) as SignedStatement
  expect(diffStatements(before, before)).toEqual([])
  expect(diffStatements(before, after)).toEqual([
    { what: 'code', before: 'sha256:aa', after: 'sha256:bb' },
    { what: 'E5', before: 'waived', after: null },
    { what: 'A3', before: null, after: 'pass' },
  ])
  const other = JSON.parse(
    formatStatement({
      ...PREPARED,
      decision: 'no-go',
      subjects: { ...PREPARED.subjects, plan: digest('another') },
      trust: { ...PREPARED.trust, version: 2 },
    }),
  ) as SignedStatement
  expect(diffStatements(before, other)).toEqual([
    { what: 'decision', before: 'go', after: 'no-go' },
    { what: 'plan', before: PREPARED.subjects.plan, after: digest('another') },
    { what: 'trust', before: 'version 1', after: 'version 2' },
  ])
})

test.each(['Alice', 'alice ', '', 'a\u200bb'])('V10: %j is no id of a person', (requester) => {
  const file = { kind: 'waivers', schemaVersion: 1, waivers: [{ ...WAIVER, requester }] } as const
  expect(tools.shape('waivers', file)).toMatchObject({ ok: false })
  const signers = [{ ...TRUST.signers[0], person: requester }, TRUST.signers[1]]
  expect(tools.shape('trust', { ...TRUST, signers })).toMatchObject({ ok: false })
  expect(tools.shape('waivers', { ...file, waivers: [WAIVER] })).toMatchObject({ ok: true })
})

describe('decision.json', () => {
  const files = {
    checklist: '{}\n',
    waivers: null,
    plan: '{"a": "\u00e9"}',
    rollback_triggers: null,
    inputs: { 'checklists/runbook.md': encode('read me'), 'not base64url': '_' },
    trust: trustText(TRUST),
    trust_chain: null,
    signoff: null,
    withdrawals: null,
    evidence: [],
  }
  const text = packDecision({
    tool_version: '0.1.0',
    decided_at: NOW,
    verdict: { verdict: 'go' },
    identity: PRESENT.identity,
    files,
  })
  test('returns every file byte for byte, and its trust file only counts under a pin of the caller', () => {
    const read = unpackDecision(text, tools, '0.1.0')
    expect(read).toMatchObject({ ok: true, value: { files, decided_at: NOW } })
    if (!read.ok) return
    const trust = (pin: string | null) =>
      checkTrust({ text: read.value.files.trust, chain: null, pin }, NOW, tools).status
    expect([trust(digest(trustText(TRUST))), trust(null), trust(digest('own'))]).toEqual([
      'trusted',
      'unpinned',
      'refused',
    ])
  })
  test('gives a third party the same outcome under the pin', () => {
    const subjects = subjectDigests(files, tools)
    const own = { ...PREPARED, subjects }
    const signoff = envelopeText(signedBy([alice, bob], own))
    const read = unpackDecision(
      packDecision({
        tool_version: '0.1.0',
        decided_at: NOW,
        verdict: {},
        identity: PRESENT.identity,
        files: { ...files, signoff },
      }),
      tools,
      '0.1.0',
    )
    const judge = (pin: string | null): string => {
      if (!read.ok) throw new Error('not a decision file')
      const { files: texts, identity } = read.value
      const trust = checkTrust({ text: texts.trust, chain: null, pin }, NOW, tools)
      const items = [
        asked('I4', 'platform-lead'),
        asked('J1', 'platform-lead'),
        asked('G3', 'security-lead'),
      ]
      return judgeSignoffNow({ texts, tools, trust, now: NOW }, { identity, items }).status
    }
    expect(judge(digest(trustText(TRUST)))).toBe('verified')
    expect(judge(null)).toBe('refused')
  })
  test('is refused without a required member', () => {
    expect(unpackDecision(text.replace('"tool_version"', '"tool"'), tools, '0.1.0').ok).toBe(false)
  })
  test.each<readonly [string, string, object]>([
    ['another version of ff', text, { form: '2', tool_version: '0.1.0' }],
    [
      'another form',
      text.replace('"schemaVersion":2', '"schemaVersion":1'),
      { form: '1', tool_version: '0.1.0' },
    ],
    ['no form', text.replace('"schemaVersion":2,', ''), { form: 'null', tool_version: '0.1.0' }],
  ])('of %s says which one wrote it', (what, one, other) => {
    const own = what.startsWith('another version') ? '0.2.0' : '0.1.0'
    expect(unpackDecision(one, tools, own)).toEqual({ ok: false, other })
  })
  test.each([
    '{',
    '[]',
    'null',
    '1',
    '{"kind":"trust"}',
    '{"kind":"trust","tool_version":"0.2.0"}',
    '{"kind":"gate_decision","tool_version":1}',
  ])('is not %s', (one) =>
    expect(unpackDecision(one, tools, '0.1.0')).toEqual({ ok: false, detail: expect.any(String) }),
  )
  test('names the line where it is no JSON', () =>
    expect(unpackDecision('{\n', tools, '0.1.0')).toEqual({
      ok: false,
      detail: 'json_malformed at line 2',
    }))
  test('has the digest of each file, that of an empty text for a missing one', () => {
    expect(subjectDigests(files, tools)).toEqual({
      checklist: digest('{}\n'),
      waivers: digest(''),
      plan: digest(files.plan),
      rollback_triggers: digest(''),
      inputs: digest(
        `{"checklists/runbook.md":"${digest('read me')}","not base64url":"${digest('')}"}`,
      ),
    })
  })
})
