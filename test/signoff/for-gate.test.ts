import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type GateMatter, peopleOf } from '../../src/app/signoff/for-gate.ts'
import { readSignoffFiles } from '../../src/app/signoff/folder.ts'
import type { Checklist, ItemVerdict } from '../../src/core/gate/types.ts'
import { subjectDigests } from '../../src/core/signoff/decision-file.ts'
import { gateStateOf } from '../../src/core/signoff/gate-state.ts'
import type { SignoffTexts, TrustFile, WaiverEntry } from '../../src/core/signoff/types.ts'
import { ROOT } from '../support/run-ff.ts'
import {
  alice,
  asSigner,
  bob,
  digest,
  envelopeText,
  makePerson,
  NOW,
  PREPARED,
  PRESENT,
  signedBy,
  tools,
  TRUST,
  trustText,
} from './people.ts'

const { person: _p, role: _r, ...runner } = asSigner(makePerson('ci', 'platform-lead'))
const { person: _q, role: _s, ...lost } = asSigner(makePerson('lost', 'platform-lead'))
const trust: TrustFile = {
  ...TRUST,
  runners: [runner, lost],
  revoked: { keys: [{ kid: lost.kid, at: NOW, reason: 'lost' }], statements: [] },
}
const files = { checklist: 'c', waivers: null, plan: 'p', rollback_triggers: 't' }
const signed = signedBy([alice, bob], {
  subjects: subjectDigests(files, tools),
  trust: { version: 1, sha256: digest(trustText(trust)) },
})
const texts: SignoffTexts = {
  ...files,
  trust: trustText(trust),
  trust_chain: null,
  signoff: envelopeText(signed),
}
const item = (id: string, attest_role: 'platform-lead' | 'security-lead') => ({
  id,
  kind: 'probe_and_attestation' as const,
  attest_role,
  probe: { name: 'x', version: 1, params: {} },
})
const matter: GateMatter = {
  items: [item('I4', 'platform-lead'), item('G3', 'security-lead')],
  identity: PRESENT.identity,
  waivers: [],
  trust_pin: digest(trustText(trust)),
  now: NOW,
}

describe('what the gate is told of people', () => {
  test('the outcome, the runners that are not revoked, the policy, and when trust ends', () => {
    expect(peopleOf(texts, matter, tools)).toMatchObject({
      outcome: { status: 'verified', accepted: PREPARED.accepted },
      runners: [{ kid: runner.kid, from: runner.from, until: runner.until }],
      policy: TRUST.waiver_policy,
      trust_expires: TRUST.expires,
    })
  })
  test('without a pin nobody and no runner counts, and there is no sign-off', () => {
    expect(peopleOf(texts, { ...matter, trust_pin: null }, tools)).toEqual({
      outcome: { status: 'refused', code: 'trust_pin_missing', detail: expect.any(String) },
      runners: [],
      waivers: [],
      policy: null,
      trust_expires: null,
    })
  })
  test('a folder with nothing in it is missing both, and no more', () => {
    const nothing = { ...texts, trust: null, signoff: null }
    const said = peopleOf(nothing, { ...matter, trust_pin: null }, tools)
    expect(said.outcome).toEqual({ status: 'missing', roles: ['platform-lead', 'security-lead'] })
  })
  test('of a folder, from its files as they are', async () => {
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
    const ask = async () => peopleOf(await readSignoffFiles(where), matter, tools)
    expect((await ask()).outcome.status).toBe('verified')
    await writeFile(join(folder, 'checklists/plan.json'), 'p ')
    expect((await ask()).outcome).toMatchObject({ status: 'stale', code: 'plan_changed' })
    await rm(folder, { recursive: true })
  })
  test('an approval that does not hold is refused as a whole', () => {
    const waiver: WaiverEntry = {
      id: 'WV-1',
      item: 'E5',
      covers: { state: 'inconclusive', code: 'too_few' },
      reason: 'r',
      risk: 'r',
      compensation: 'c',
      requester: 'dora',
      requested_at: NOW,
      expires_at: '2026-01-20T09:00:00.000Z',
      approvals: [{ person: 'alice', role: 'platform-lead', kid: alice.kid, jws: 'a.b.c' }],
    }
    const said = peopleOf(texts, { ...matter, items: [], waivers: [waiver] }, tools)
    expect(said.outcome).toMatchObject({ status: 'refused', code: 'waiver_altered' })
    expect(said.waivers[0]?.approvals).toEqual([])
  })
})

describe('what of a judgement people sign', () => {
  const verdict = (id: string, state: ItemVerdict['state'], more: Partial<ItemVerdict> = {}) =>
    ({ id, state, codes: [], measured: [], evidence: null, ...more }) as unknown as ItemVerdict
  const waiting = { codes: ['attestation_missing'] }
  const held = (one: boolean) => ({
    measured: [{ held: one }] as unknown as ItemVerdict['measured'],
  })
  const evidence = { seq: 3, hash: digest('record'), ended_at: NOW }
  const items = [
    verdict('A1', 'pass', { evidence }),
    verdict('A2', 'fail'),
    verdict('A3', 'waived'),
    verdict('G3', 'pending', { ...waiting, ...held(true) }),
    verdict('I4', 'pending', { ...waiting, ...held(false) }),
    verdict('J1', 'pending', { codes: ['evidence_missing'] }),
    verdict('J2', 'pass'),
  ]
  test('what is accepted, the probe half of what waits for its attestation, and the records that counted', () => {
    const checklist = {
      items: items.map(({ id }) => ({ id, kind: id === 'J2' ? 'signature' : 'probe' })),
    } as unknown as Checklist
    const counts = { pass: 2 } as never
    const head = { seq: 3, hash: digest('head') }
    const state = gateStateOf(
      { items, counts },
      { checklist, identity: PRESENT.identity, log: { head } },
    )
    expect(state.accepted).toEqual({ A1: 'pass', A3: 'waived', G3: 'pass', I4: 'waived' })
    expect(state.seen).toEqual({
      head,
      bundle: null,
      records: [{ item: 'A1', sha256: evidence.hash, ended_at: NOW }],
    })
  })
})
