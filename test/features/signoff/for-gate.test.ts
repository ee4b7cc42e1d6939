import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { verifySignoffForGate } from '../../../src/features/signoff/verify-for-gate.ts'
import type { GateInputs } from '../../../src/features/item-states/gate-inputs.ts'
import { loadItemFacts } from '../../../src/features/item-states/item-facts.ts'
import { readSignoffFiles } from '../../../src/features/team-folder/signoff-files.ts'
import { type Checklist, type ItemResult, PLACES } from '../../../src/core/gate/types.ts'
import { subjectDigests } from '../../../src/core/signoff/decision-file.ts'
import { toGateState } from '../../../src/core/signoff/gate-state.ts'
import type { SignoffTexts, TrustFile, WaiverEntry } from '../../../src/core/signoff/types.ts'
import { formatWaiver } from '../../../src/core/signoff/waivers.ts'
import { ROOT } from '../../support/run-ff.ts'
import { ADAPTERS } from '../../support/signed-folder.ts'
import {
  alice,
  asRunner,
  asSigner,
  bob,
  digest,
  encode,
  envelopeText,
  NOW,
  PREPARED,
  PRESENT,
  signedBy,
  signRaw,
  toHeader,
  tools,
  TRUST,
  trustText,
} from './people.ts'

const [runner, lost] = [asRunner('ci'), asRunner('lost')]
const trust: TrustFile = {
  ...TRUST,
  runners: [runner, lost],
  revoked: { keys: [{ kid: lost.kid, at: NOW, reason: 'lost' }], statements: [] },
}
const files = { checklist: 'c', waivers: null, plan: 'p', rollback_triggers: 't', inputs: {} }
const signed = signedBy([alice, bob], {
  subjects: subjectDigests(files, tools),
  trust: { version: 1, sha256: digest(trustText(trust)) },
})
const texts: SignoffTexts = {
  ...files,
  trust: trustText(trust),
  trust_chain: null,
  signoff: envelopeText(signed),
  withdrawals: null,
}
const item = (id: string, attest_role: 'platform-lead' | 'security-lead') => ({
  id,
  kind: 'probe_and_attestation' as const,
  attest_role,
  probe: { name: 'x', version: 1, params: {} },
})
const items = [item('I4', 'platform-lead'), item('G3', 'security-lead')]
/** Inputs without evidence, under the pin of their trust file. */
const inputs = (change: Partial<GateInputs> = {}, files: object = {}): GateInputs => ({
  texts: { ...texts, evidence: [] },
  files: {
    checklist: { value: { items } },
    contract: { waivers: { max_active: 5, max_days: 7 } },
    plan: null,
    waivers: [],
    isLine: () => true,
    isHead: () => true,
    ...files,
  } as unknown as GateInputs['files'],
  identity: PRESENT.identity,
  trust_pin: digest(trustText(trust)),
  pinned_heads: [],
  at: NOW,
  ...change,
})
async function told(given: GateInputs) {
  const facts = await loadItemFacts(given, ADAPTERS)
  return { outcome: verifySignoffForGate(given, facts), trust: facts.trust, ...facts.judged }
}

describe('the sign-off as the gate counts it', () => {
  test('has the outcome, the runners with those that are revoked, and the stricter policy', async () => {
    expect(await told(inputs())).toMatchObject({
      outcome: { status: 'verified', accepted: PREPARED.accepted },
      runners: [
        {
          kid: runner.kid,
          from: runner.from,
          until: runner.until,
          places: PLACES,
          revoked: false,
          closed: null,
        },
        { name: 'lost Example', revoked: true },
      ],
      policy: { max_active: TRUST.waiver_policy.max_active, max_days: 7 },
      trust: { status: 'trusted' },
    })
  })
  test('knows where a log was closed, and does not read one that is lost', async () => {
    const end = { seq: 3, hash: digest('record') }
    const closing = {
      ...trust,
      runners: [
        { ...runner, closed: end },
        { ...lost, lost: true },
      ],
    }
    const text = trustText(closing as TrustFile)
    const evidence = [{ kid: lost.kid, log: 'damaged', head: null }]
    const given = inputs({ texts: { ...texts, trust: text, evidence }, trust_pin: digest(text) })
    expect(await told(given)).toMatchObject({
      runners: [{ closed: end }, { closed: 'lost' }],
      evidence: { status: 'whole', logs: [] },
    })
    const others = [{ kid: runner.kid, log: 'damaged', head: null }]
    const read = { ...given, texts: { ...given.texts, evidence: others } }
    expect(await told(read)).toMatchObject({ evidence: { status: 'untrusted' } })
  })
  test('is refused without a pin, and no runner counts', async () => {
    expect(await told(inputs({ trust_pin: null }))).toMatchObject({
      outcome: { status: 'refused', code: 'trust_pin_missing', detail: expect.any(String) },
      runners: [],
      waivers: [],
      policy: { max_active: 5, max_days: 7 },
    })
  })
  test('is inconclusive in an empty folder, as no trust file says who signs', async () => {
    const nothing = { ...texts, trust: null, signoff: null, evidence: [] }
    const { outcome } = await told(inputs({ texts: nothing, trust_pin: null }))
    expect(outcome).toMatchObject({ status: 'inconclusive', code: 'trust_missing' })
  })
  test('is an error for a pin that is not a SHA-256', async () => {
    const refused = told(inputs({ trust_pin: 'ABC' }))
    await expect(refused).rejects.toMatchObject({ code: 'setting_invalid' })
  })
  test('follows the files of a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ff-people-'))
    await mkdir(join(folder, 'checklists'))
    const written = {
      'cutover_readiness_checklist.json': texts.checklist,
      'plan.json': texts.plan,
      'rollback_triggers.json': texts.rollback_triggers,
      'trust.json': texts.trust,
      'signoff.json': texts.signoff,
    }
    for (const [name, text] of Object.entries(written))
      await writeFile(join(folder, 'checklists', name), text ?? '')
    const where = { root: ROOT, cwd: folder, checklist: null }
    const ask = async () =>
      told(inputs({ texts: { ...(await readSignoffFiles(where)), evidence: [] } }))
    expect((await ask()).outcome.status).toBe('verified')
    await writeFile(join(folder, 'checklists/plan.json'), 'p ')
    expect((await ask()).outcome).toMatchObject({ status: 'stale', code: 'plan_changed' })
    await rm(folder, { recursive: true })
  })
  const open: WaiverEntry = {
    id: 'WV-1',
    item: 'E5',
    environment: 'production',
    cutover_id: 'flags-to-postgres',
    attempt: 2,
    covers: { state: 'inconclusive', code: 'too_few' },
    reason: 'r',
    risk: 'r',
    compensation: 'c',
    requester: 'dora',
    requested_at: NOW,
    expires_at: '2026-01-20T09:00:00.000Z',
    approvals: [],
  }
  const approvedBy = (jws: string): WaiverEntry => ({
    ...open,
    approvals: [{ person: 'alice', role: 'platform-lead', kid: alice.kid, jws }],
  })
  test('ends with the key of the person who approved a waiver', async () => {
    const about = toHeader(alice, { meaning: 'approves-waiver', attests: [] })
    const payload = encode(formatWaiver(open))
    const { protected: header, signature } = signRaw(
      payload,
      { ...about, typ: 'ff-waiver+jws' },
      alice.key,
    )
    const waivers = [approvedBy([header, payload, signature].join('.'))]
    const { approvals_until } = await told(inputs({}, { waivers }))
    expect(approvals_until).toBe(asSigner(alice).until)
    expect((await told(inputs())).approvals_until).toBeNull()
  })
  test('is refused as a whole for a forged waiver approval', async () => {
    const said = await told(inputs({}, { waivers: [approvedBy('a.b.c')] }))
    expect(said.outcome).toMatchObject({ status: 'refused', code: 'waiver_altered' })
    expect(said.waivers[0]?.approvals).toEqual([])
  })
})

describe('the state that a statement covers', () => {
  const verdict = (id: string, state: ItemResult['state'], more: Partial<ItemResult> = {}) =>
    ({ id, state, codes: [], measured: [], evidence: null, ...more }) as unknown as ItemResult
  const evidence = { seq: 3, hash: digest('record'), runner: 'r'.repeat(43), ended_at: NOW }
  const states = [
    verdict('A1', 'pass', { evidence }),
    verdict('A2', 'fail'),
    verdict('A3', 'waived'),
    verdict('J1', 'pending', { codes: ['evidence_missing'] }),
    verdict('J2', 'pass'),
  ]
  test('holds the accepted items that are not signatures, and the records that counted', () => {
    const checklist = {
      items: states.map(({ id }) => ({ id, kind: id === 'J2' ? 'signature' : 'probe' })),
    } as unknown as Checklist
    const counts = { pass: 2 } as never
    const heads = [{ kid: 'r'.repeat(43), seq: 3, hash: digest('head') }]
    const { identity } = PRESENT
    const about = { checklist, identity, counts, departures: [], heads, logs: [], runners: [] }
    const state = toGateState(states, about)
    const { items } = checklist
    expect(state).toEqual({
      identity,
      items,
      counts,
      departures: [],
      logs: [],
      runners: [],
      accepted: { A1: 'pass', A3: 'waived' },
      seen: {
        heads,
        bundle: null,
        records: [{ item: 'A1', sha256: evidence.hash, ended_at: NOW }],
      },
    })
  })
})
