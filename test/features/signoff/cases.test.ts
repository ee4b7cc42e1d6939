import { createHmac, createPublicKey, verify } from 'node:crypto'
import fc from 'fast-check'
import { generalVerify, importJWK } from 'jose'
import { describe, expect, test } from 'vitest'
import { judgeSignoff } from '../../../src/core/signoff/judge.ts'
import { canonicalizeObject } from '../../../src/core/signoff/read-document.ts'
import { formatStatement } from '../../../src/core/signoff/statement.ts'
import {
  formatWithdrawal,
  formatWithdrawals,
  listWithdrawals,
} from '../../../src/core/signoff/withdrawals.ts'
import { SIGNOFF_REFUSALS } from '../../../src/core/signoff/refusals.ts'
import { checkTrust, type TrustOutcome } from '../../../src/core/signoff/trust.ts'
import type { Envelope, PresentFacts, TrustFile } from '../../../src/core/signoff/types.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import {
  alice,
  asSigner,
  bob,
  digest,
  encode,
  envelopeText,
  toHeader,
  makePerson,
  NOW,
  type Person,
  PREPARED,
  PRESENT,
  signAs,
  signedBy,
  signRaw,
  tools,
  TRUST,
  trusted,
  trustText,
} from './people.ts'
import { everyNth, examples } from '../../support/scale.ts'

interface Given {
  readonly trust?: TrustOutcome
  readonly envelope?: object
  readonly present?: PresentFacts
  readonly now?: Instant
}
function toOutcome(given: Given) {
  const { trust = trusted(), envelope = signedBy([alice, bob]), present = PRESENT } = given
  const text = envelopeText(envelope)
  return judgeSignoff({ trust, envelope: text, present, now: given.now ?? NOW }, tools)
}
const getCode = (given: Given): string => {
  const outcome = toOutcome(given)
  if (outcome.status === 'missing') return `role_missing:${outcome.roles.join('+')}`
  return 'code' in outcome ? outcome.code : outcome.status
}

/** An envelope over any payload text with two valid signatures. */
const over = (text: string): Envelope => {
  const payload = encode(text)
  return { payload, signatures: [signAs(payload, alice), signAs(payload, bob)] }
}
const good = signedBy([alice, bob])
const statement = formatStatement(PREPARED)
const [byAlice, byBob] = good.signatures
const pair = (second: object): object => ({ ...good, signatures: [byAlice, second] })
const bobWith = (header: object): object =>
  pair(signRaw(good.payload, { ...toHeader(bob), ...header }, bob.key))
const withTrust = (change: Partial<TrustFile>, now?: Instant): TrustOutcome =>
  trusted({ ...TRUST, ...change }, now)
/** A changed trust file, and a statement that was signed under it. */
const under = (change: Partial<TrustFile>, people = [alice, bob]): Given => {
  const sha256 = digest(trustText({ ...TRUST, ...change }))
  return { trust: withTrust(change), envelope: signedBy(people, { trust: { version: 1, sha256 } }) }
}
const present = (identity: Partial<PresentFacts['identity']>): PresentFacts => ({
  ...PRESENT,
  identity: { ...PRESENT.identity, ...identity },
})
const flipped = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)

const mallory = makePerson('mallory', 'security-lead')
const aliceAgain = { ...makePerson('alice', 'security-lead'), name: alice.name }

/** HS256 with the bytes of the public key as its secret (the algorithm confusion of RFC 8725, section 2.1). */
function symmetric(): object {
  const shown = encode(JSON.stringify({ ...toHeader(bob), alg: 'HS256' }))
  const secret = Buffer.from(bob.jwk.x, 'base64url')
  const mac = createHmac('sha256', secret).update(`${shown}.${good.payload}`).digest('base64url')
  return { protected: shown, signature: mac }
}

/** The 30 cases of the sign-off: one that is verified and 29 that are not; one of them has two rows. */
const CASES: readonly (readonly [what: string, code: string, given: () => Given])[] = [
  ['a valid pair', 'verified', () => ({})],
  ['one role only', 'role_missing:security-lead', () => ({ envelope: signedBy([alice]) })],
  ['the same key twice', 'key_repeated', () => ({ envelope: signedBy([alice, alice, bob]) })],
  [
    'a platform key claiming security',
    'role_not_of_signer',
    () => ({ envelope: pair(signAs(good.payload, alice, { role: 'security-lead' })) }),
  ],
  [
    'one person with two keys',
    'person_repeated',
    () =>
      under({ signers: [asSigner(alice), asSigner(aliceAgain), asSigner(bob)] }, [
        alice,
        aliceAgain,
      ]),
  ],
  [
    'one key for two persons',
    'trust_key_shared',
    () => ({
      trust: withTrust({
        signers: [asSigner(alice), { ...asSigner(bob), kid: alice.kid, jwk: alice.jwk }],
      }),
    }),
  ],
  [
    'a garbage second signature',
    'signature_malformed',
    () => ({ envelope: pair({ ...byBob, signature: encode('garbage') }) }),
  ],
  [
    'an unknown key added',
    'key_unknown',
    () => ({
      envelope: { ...good, signatures: [...good.signatures, signAs(good.payload, mallory)] },
    }),
  ],
  [
    "an attacker's key under a known kid",
    'signature_invalid',
    () => ({ envelope: pair(signRaw(good.payload, toHeader(bob), mallory.key)) }),
  ],
  [
    'an embedded jwk',
    'header_key_embedded',
    () => ({
      envelope: pair(signRaw(good.payload, { ...toHeader(bob), jwk: mallory.jwk }, mallory.key)),
    }),
  ],
  [
    'the checklist edited',
    'checklist_changed',
    () => ({
      present: { ...PRESENT, subjects: { ...PRESENT.subjects, checklist: digest('another') } },
    }),
  ],
  [
    'a subject not covered',
    'subject_not_covered',
    () => {
      const read = JSON.parse(statement)
      read.subject = read.subject.filter(({ name }: { name: string }) => name !== 'plan')
      return { envelope: over(envelopeText(read).trimEnd()) }
    },
  ],
  [
    'a staging statement at production',
    'environment_differs',
    () => ({
      envelope: signedBy([alice, bob], {
        identity: { ...PREPARED.identity, environment: 'staging' },
      }),
    }),
  ],
  ['an earlier attempt', 'attempt_ended', () => ({ present: present({ attempt: 3 }) })],
  ['another image', 'code_changed', () => ({ present: present({ code: 'sha256:bb' }) })],
  [
    'another configuration',
    'config_changed',
    () => ({ present: present({ config_digest: digest('other') }) }),
  ],
  ['past not_after', 'signoff_expired', () => ({ now: PREPARED.not_after as Instant })],
  [
    'signed in the future',
    'signed_in_future',
    () => ({ envelope: signedBy([alice, bob], {}, { signed_at: '2026-01-15T09:00:00.001Z' }) }),
  ],
  [
    'signed before the evidence',
    'signed_before_evidence',
    () => ({ envelope: signedBy([alice, bob], {}, { signed_at: '2026-01-15T07:29:59.999Z' }) }),
  ],
  [
    'a revoked key',
    'key_revoked',
    () => ({
      trust: withTrust({
        revoked: { keys: [{ kid: bob.kid, at: NOW, reason: 'lost' }], statements: [] },
      }),
    }),
  ],
  [
    'a key outside its window',
    'key_outside_window',
    () => ({
      trust: withTrust({ signers: [asSigner(alice), { ...asSigner(bob), until: NOW }] }),
    }),
  ],
  ['the trust file expired', 'trust_expired', () => ({ trust: withTrust({ expires: NOW }) })],
  [
    'the trust file rolled back',
    'trust_rolled_back',
    () => ({ envelope: signedBy([alice, bob], { trust: { version: 2, sha256: digest('v2') } }) }),
  ],
  ['a wrong typ', 'typ_wrong', () => ({ envelope: bobWith({ typ: 'ff-trust+jws' }) })],
  [
    'an unprotected header',
    'unprotected_header',
    () => ({ envelope: pair({ ...byBob, header: { kid: bob.kid } }) }),
  ],
  [
    'alg none',
    'alg_none',
    () => ({
      envelope: pair({
        protected: encode(JSON.stringify({ ...toHeader(bob), alg: 'none' })),
        signature: '',
      }),
    }),
  ],
  ['HS256 with the public key', 'alg_symmetric', () => ({ envelope: pair(symmetric()) })],
  [
    'a duplicate member validly signed',
    'duplicate_member',
    () => ({
      envelope: over(statement.replace('"decision":"go"', '"decision":"no-go","decision":"go"')),
    }),
  ],
  [
    'white space validly signed',
    'payload_not_canonical',
    () => ({ envelope: over(statement.replace('"decision":"go"', '"decision": "go"')) }),
  ],
  [
    'a signed no-go',
    'decision_no_go',
    () => ({ envelope: signedBy([alice, bob], { decision: 'no-go' }) }),
  ],
  [
    'one payload byte flipped',
    'payload_altered',
    () => ({ envelope: { ...good, payload: flipped(good.payload, 40) } }),
  ],
]

describe('the 30 cases of the sign-off', () => {
  test.each(CASES)('%s: %s', (_what, code, given) => expect(getCode(given())).toBe(code))
  test('there are 30 cases in 31 rows, and each row has its own code', () => {
    const codes = CASES.map(([, code]) => code)
    expect(new Set(codes).size).toBe(codes.length)
    expect(CASES.length).toBe(31) // Another image and another configuration are one case with two rows.
  })
})

/** Refusals beyond the 30 cases. */
const MORE: typeof CASES = [
  ['another cutover', 'cutover_differs', () => ({ present: present({ cutover_id: 'other' }) })],
  [
    'another database',
    'database_changed',
    () => ({ present: present({ database: '8/1/ff/0123456789abcdef' }) }),
  ],
  ['another build', 'build_changed', () => ({ present: present({ build: digest('other') }) })],
  ['a schema moved on', 'schema_changed', () => ({ present: present({ schema_head: '0003' }) })],
  ['an unknown code version', 'code_changed', () => ({ present: present({ code: null }) })],
  ['a later attempt signed', 'attempt_ahead', () => ({ present: present({ attempt: 1 }) })],
  ['an unknown attempt', 'attempt_ahead', () => ({ present: present({ attempt: null }) })],
  [
    'another form of the checklist',
    'checklist_changed',
    () => ({ present: present({ checklist_digest: digest('other') }) }),
  ],
  ...(['waivers', 'plan', 'rollback_triggers', 'inputs'] as const).map(
    (name) =>
      [
        `${name} edited`,
        name === 'rollback_triggers' ? 'triggers_changed' : `${name}_changed`,
        () => ({
          present: { ...PRESENT, subjects: { ...PRESENT.subjects, [name]: digest('edited') } },
        }),
      ] as const,
  ),
  [
    'an attestation left out',
    'attestation_missing',
    () => ({ envelope: pair(signAs(good.payload, bob, { attests: ['A', 'F', 'G'] })) }),
  ],
  [
    'a statement revoked',
    'statement_revoked',
    () => {
      const revoked = [{ sha256: digest(statement), at: NOW, reason: 'withdrawn' }]
      return { trust: withTrust({ revoked: { keys: [], statements: revoked } }) }
    },
  ],
  [
    'two trust files of one version',
    'trust_forked',
    () => ({ envelope: signedBy([alice, bob], { trust: { version: 1, sha256: digest('v1') } }) }),
  ],
  [
    'another person than the signer',
    'person_not_of_signer',
    () => ({ envelope: pair(signAs(good.payload, bob, { person: 'carol' })) }),
  ],
  [
    'the meaning of another signature',
    'meaning_wrong',
    () => ({ envelope: pair(signAs(good.payload, bob, { meaning: 'approves-waiver' })) }),
  ],
  ['RS256', 'alg_not_allowed', () => ({ envelope: bobWith({ alg: 'RS256' }) })],
  ['an alg that is not a string', 'alg_not_allowed', () => ({ envelope: bobWith({ alg: 1 }) })],
  [
    'a crit with another member',
    'header_malformed',
    () => ({ envelope: bobWith({ crit: ['ff', 'exp'] }) }),
  ],
  ['a strange header member', 'header_malformed', () => ({ envelope: bobWith({ cty: 'json' }) })],
  [
    'a date that does not exist',
    'header_malformed',
    () => ({ envelope: signedBy([alice, bob], {}, { signed_at: '2026-02-30T00:00:00.000Z' }) }),
  ],
  [
    'a header that is not an object',
    'header_malformed',
    () => ({ envelope: pair(signRaw(good.payload, [], bob.key)) }),
  ],
  [
    'a header that is not JSON',
    'header_malformed',
    () => ({ envelope: pair({ ...byBob, protected: encode('{') }) }),
  ],
  [
    'a header that is not UTF-8',
    'header_malformed',
    () => ({ envelope: pair({ ...byBob, protected: '_w' }) }),
  ],
  [
    'a header that is not canonical base64url',
    'header_malformed',
    () => ({ envelope: pair({ ...byBob, protected: 'AB' }) }),
  ],
  ['an unknown member', 'envelope_malformed', () => ({ envelope: { ...good, extra: 1 } })],
  ['a signed text that is not JSON', 'statement_malformed', () => ({ envelope: over('{') })],
  [
    'a payload that is not UTF-8',
    'statement_malformed',
    () => {
      const payload = Buffer.from([0xff]).toString('base64url')
      return { envelope: { payload, signatures: [signAs(payload, alice), signAs(payload, bob)] } }
    },
  ],
  [
    'a payload that is not canonical base64url',
    'statement_malformed',
    () => ({ envelope: { payload: 'AB', signatures: [signAs('AB', alice), signAs('AB', bob)] } }),
  ],
  ['another statement signed', 'statement_malformed', () => ({ envelope: over('{}') })],
  ['a lone surrogate signed', 'payload_not_canonical', () => ({ envelope: over('"\\ud800"') })],
  ['no trust file', 'trust_missing', () => ({ trust: { status: 'absent' } })],
  ['no pin', 'trust_pin_missing', () => ({ trust: { status: 'unpinned', sha256: '' } })],
  [
    'no signature yet',
    'role_missing:platform-lead+security-lead',
    () => ({
      envelope: { ...good, signatures: [] },
    }),
  ],
]
const WITHDRAWAL = encode(formatWithdrawal(digest(statement)))
const withdrawn = (...envelopes: readonly Envelope[]): Given => ({
  present: {
    ...PRESENT,
    withdrawals: formatWithdrawals(envelopes),
  },
})
/** A withdrawal of a person; about this statement unless a payload is given. */
const withdrawal = (who: Person, payload = WITHDRAWAL): Envelope => {
  const header = toHeader(who, { meaning: 'withdraws-approval', attests: [] })
  return {
    payload,
    signatures: [signRaw(payload, { ...header, typ: 'ff-withdrawal+jws' }, who.key)],
  }
}
const OTHER = encode(formatWithdrawal(digest('another statement')))
test('heads name the withdrawals that verify or whose signer has left, by their SHA-256', () => {
  const list = (text: string | null) => listWithdrawals({ text, trust: TRUST, now: NOW }, tools)
  const kept = [withdrawal(bob), withdrawal(mallory, OTHER)]
  const changed = { ...withdrawal(bob, OTHER), payload: WITHDRAWAL }
  const { withdrawals } = withdrawn(...kept, changed).present ?? PRESENT
  expect(list(withdrawals)).toEqual(kept.map((one) => digest(canonicalizeObject(one))))
  expect([list(null), list('{}')]).toEqual([[], []])
})
const WITHDRAWALS: typeof CASES = [
  ['a withdrawal by a signer', 'signature_withdrawn', () => withdrawn(withdrawal(bob))],
  [
    'a second withdrawal by a signer',
    'signature_withdrawn',
    () => withdrawn(withdrawal(alice, OTHER), withdrawal(bob)),
  ],
  [
    'withdrawals in another spelling',
    'withdrawal_invalid',
    () => ({
      present: { ...PRESENT, withdrawals: `${formatWithdrawals([withdrawal(bob, OTHER)])}\n` },
    }),
  ],
  ['a withdrawal from another statement', 'verified', () => withdrawn(withdrawal(bob, OTHER))],
  ['a withdrawal by an unknown key', 'withdrawal_invalid', () => withdrawn(withdrawal(mallory))],
  [
    'a withdrawal from another statement by a key that has left',
    'verified',
    () => withdrawn(withdrawal(mallory, OTHER)),
  ],
  [
    'a withdrawal that was changed',
    'withdrawal_invalid',
    () => withdrawn({ ...withdrawal(bob, OTHER), payload: WITHDRAWAL }),
  ],
  [
    'a withdrawal from another statement that was changed',
    'withdrawal_invalid',
    () => withdrawn({ ...withdrawal(bob), payload: OTHER }),
  ],
  [
    'a withdrawal without a signature',
    'withdrawal_invalid',
    () => withdrawn({ payload: WITHDRAWAL, signatures: [] }),
  ],
  [
    'a withdrawal with two signatures',
    'withdrawal_invalid',
    () => {
      const { payload, signatures } = withdrawal(bob)
      return withdrawn({ payload, signatures: [...signatures, ...signatures] })
    },
  ],
  [
    'a withdrawal of another form',
    'withdrawal_invalid',
    () => withdrawn(withdrawal(bob, encode(`{"statement":"${digest(statement)}"}`))),
  ],
  ['a withdrawal of no text', 'withdrawal_invalid', () => withdrawn(withdrawal(bob, '_w'))],
  [
    'a withdrawal that is not base64url',
    'withdrawal_invalid',
    () => withdrawn(withdrawal(bob, 'AB')),
  ],
  [
    'a malformed list of withdrawals',
    'withdrawal_invalid',
    () => ({
      present: { ...PRESENT, withdrawals: '{}' },
    }),
  ],
]
describe('V23: withdrawals', () => {
  test.each(WITHDRAWALS)('%s: %s', (_what, code, given) => expect(getCode(given())).toBe(code))
  test('a withdrawal by a person who has not signed ends no other signature', () => {
    const given = { ...withdrawn(withdrawal(bob)), envelope: signedBy([alice]) }
    expect(getCode(given)).toBe('role_missing:security-lead')
  })
})

describe('further refusals', () => {
  test.each(MORE)('%s: %s', (_what, code, given) => expect(getCode(given())).toBe(code))
  test('each code has the outcome that the table of refusals gives', () => {
    for (const [, code, given] of [...CASES, ...MORE, ...WITHDRAWALS]) {
      const { status } = toOutcome(given())
      const [name = ''] = code.split(':')
      expect([name, status]).toEqual([
        name,
        name === 'verified' ? 'verified' : SIGNOFF_REFUSALS[name as keyof typeof SIGNOFF_REFUSALS],
      ])
    }
  })
})

test('without an envelope the sign-off is missing, or what the trust file is', () => {
  const judge = (trust: TrustOutcome) =>
    judgeSignoff({ trust, envelope: null, present: PRESENT, now: NOW }, tools).status
  expect(judge(trusted())).toBe('missing')
  expect(judge({ status: 'absent' })).toBe('inconclusive')
  expect(judge({ status: 'unpinned', sha256: '' })).toBe('refused')
  expect(judge(withTrust({ expires: NOW }))).toBe('refused')
})

test.each([
  ['not JSON', '{', 'envelope_malformed'],
  ['a list', '[]', 'envelope_malformed'],
  ['without signatures', '{"payload":"e30","signatures":null}\n', 'envelope_malformed'],
  [
    'one with signatures that are not objects',
    '{"payload":"e30","signatures":[1]}\n',
    'envelope_malformed',
  ],
  ['not canonical', JSON.stringify(good, null, 2), 'envelope_not_canonical'],
  ['without its line feed', envelopeText(good).trimEnd(), 'envelope_not_canonical'],
])('an envelope that is %s: %s', (_what, envelope, code) => {
  expect(
    judgeSignoff({ trust: trusted(), envelope, present: PRESENT, now: NOW }, tools),
  ).toMatchObject({
    status: 'refused',
    code,
  })
})

test('a document that is not I-JSON is never written', () => {
  expect(() => canonicalizeObject({ a: '\ud800' })).toThrow('I-JSON')
  let deep: object = {}
  for (let level = 0; level < 70; level += 1) deep = { deep }
  expect(() => canonicalizeObject(deep)).toThrow('I-JSON')
})

test('a verified sign-off names the signers, the accepted items and its expiry', () => {
  const until = '2026-01-16T00:00:00.000Z'
  const given = under({ signers: [asSigner(alice), { ...asSigner(bob), until }] })
  expect(toOutcome(given)).toMatchObject({
    status: 'verified',
    signatures: [{ person: 'alice' }, { person: 'bob', role: 'security-lead', kid: bob.kid }],
    accepted: PREPARED.accepted,
    evidence_heads: PREPARED.seen.heads,
    valid_until: until,
  })
  expect(toOutcome({})).toMatchObject({ valid_until: PREPARED.not_after })
})

test('jose and node:crypto verify the same signatures', async () => {
  for (const [at, who] of [alice, bob].entries()) {
    const signature = good.signatures[at] as Envelope['signatures'][number]
    const key = createPublicKey({ key: { ...who.jwk }, format: 'jwk' })
    const input = Buffer.from(`${signature.protected}.${good.payload}`)
    expect(verify(null, input, key, Buffer.from(signature.signature, 'base64url'))).toBe(true)
    const one = { payload: good.payload, signatures: [signature] }
    const jose = await generalVerify(one, await importJWK({ ...who.jwk }, 'Ed25519'), {
      algorithms: ['Ed25519'],
      crit: { ff: true },
    })
    expect(Buffer.from(jose.payload).toString()).toBe(statement)
  }
})

describe('a changed byte is refused', () => {
  const text = Buffer.from(envelopeText(good))
  const judge = (envelope: Buffer): string =>
    judgeSignoff(
      { trust: trusted(), envelope: envelope.toString('latin1'), present: PRESENT, now: NOW },
      tools,
    ).status
  const changed = (bytes: Buffer, at: number, mask: number): Buffer => {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] ?? 0) ^ mask
    return copy
  }

  test('at a place of the envelope', () => {
    expect(judge(text)).toBe('verified')
    const places = everyNth([...text.keys()], 3)
    expect(places.length).toBeGreaterThan(100)
    for (const at of places) expect([at, judge(changed(text, at, 1))]).not.toEqual([at, 'verified'])
  })
  test('in any way in the envelope', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: text.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, mask) => judge(changed(text, at, mask)) !== 'verified',
      ),
      examples(1_000),
    )
  })
  test('at a place of the payload, also if one of the two signed the change', () => {
    const places = everyNth([...Buffer.from(good.payload).keys()], 3)
    expect(places.length).toBeGreaterThan(100)
    for (const at of places) {
      const payload = flipped(good.payload, at)
      const envelope = { payload, signatures: [signAs(payload, alice), byBob] }
      expect([at, toOutcome({ envelope }).status]).toEqual([at, 'refused'])
    }
  })
  test('at every place of the trust file, by the pin', () => {
    const file = trustText(TRUST)
    const pin = digest(file)
    const judgeTrust = (one: string) => checkTrust({ text: one, chain: null, pin }, NOW, tools)
    expect(judgeTrust(file).status).toBe('trusted')
    for (let at = 0; at < file.length; at += 1) {
      const bytes = changed(Buffer.from(file), at, 1).toString('latin1')
      expect([at, judgeTrust(bytes).status]).toEqual([at, 'refused'])
    }
  })
})
