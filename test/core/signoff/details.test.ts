import { describe, expect, test } from 'vitest'
import { judgeSignoff } from '../../../src/core/signoff/judge.ts'
import { SIGNATURE_KINDS } from '../../../src/core/signoff/signature.ts'
import { checkTrust, parseTrust, type TrustOutcome } from '../../../src/core/signoff/trust.ts'
import type { Envelope, PresentFacts, TrustFile } from '../../../src/core/signoff/types.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import { formatStatement } from '../../../src/core/signoff/statement.ts'
import { formatWithdrawal, formatWithdrawals } from '../../../src/core/signoff/withdrawals.ts'
import {
  alice,
  asRunner,
  asSigner,
  bob,
  digest,
  encode,
  envelopeText,
  makePerson,
  NOW,
  PREPARED,
  PRESENT,
  signAs,
  signedBy,
  signRaw,
  toHeader,
  tools,
  TRUST,
  trusted,
  trustText,
} from '../../features/signoff/people.ts'

interface Given {
  readonly trust?: TrustOutcome
  readonly envelope?: object
  readonly text?: string
  readonly present?: PresentFacts
  readonly now?: Instant
}
const good = signedBy([alice, bob])
const [byAlice, byBob] = good.signatures
const pair = (second: object): object => ({ ...good, signatures: [byAlice, second] })
const bobWith = (header: object): Given => ({
  envelope: pair(signRaw(good.payload, { ...toHeader(bob), ...header }, bob.key)),
})
const identity = (change: Partial<PresentFacts['identity']>): Given => ({
  present: { ...PRESENT, identity: { ...PRESENT.identity, ...change } },
})
const statement = formatStatement(PREPARED)
/** An envelope over any payload text with two valid signatures. */
const over = (text: string): Given => {
  const payload = encode(text)
  return { envelope: { payload, signatures: [signAs(payload, alice), signAs(payload, bob)] } }
}
const withSubjects = (change: (name: string) => readonly string[]): Given => {
  const read = JSON.parse(statement)
  read.subject = read.subject.flatMap((one: { name: string }) => change(one.name).map(() => one))
  return over(envelopeText(read).trimEnd())
}
const withdrawn = (...withdrawals: readonly Envelope[]): Given => ({
  present: {
    ...PRESENT,
    withdrawals: formatWithdrawals(withdrawals),
  },
})
function withdrawal(who: typeof bob): Envelope {
  const payload = encode(formatWithdrawal(digest(statement)))
  const header = toHeader(who, { meaning: 'withdraws-approval', attests: [] })
  return {
    payload,
    signatures: [signRaw(payload, { ...header, typ: 'ff-withdrawal+jws' }, who.key)],
  }
}
const withTrust = (change: Partial<TrustFile>): Given => ({
  trust: trusted({ ...TRUST, ...change }),
})
const mallory = makePerson('mallory', 'security-lead')

describe('a refusal names', () => {
  test.each<readonly [string, string, Given]>([
    ['where the envelope is no JSON', 'json_malformed at line 1', { text: '{' }],
    [
      'the kid of an unknown key',
      `mallory, ${mallory.kid}`,
      { envelope: pair(signAs(good.payload, mallory)) },
    ],
    [
      'the signer of a malformed signature',
      `bob, ${bob.kid}`,
      { envelope: pair({ ...byBob, signature: 'AA' }) },
    ],
    [
      'the signer of an invalid signature',
      `bob, ${bob.kid}`,
      { envelope: pair(signRaw(good.payload, toHeader(bob), mallory.key)) },
    ],
    ['the member that could hold a key', 'jku', bobWith({ jku: 'https://keys.example' })],
    ['the algorithm that is none', 'nOnE', bobWith({ alg: 'nOnE' })],
    ['the symmetric algorithm', 'hs512', bobWith({ alg: 'hs512' })],
    ['no algorithm that is not a text', '', bobWith({ alg: 1 })],
    ['the typ', '"ff-trust+jws"', bobWith({ typ: 'ff-trust+jws' })],
    [
      'the meaning',
      'approves-waiver',
      { envelope: pair(signAs(good.payload, bob, { meaning: 'approves-waiver' })) },
    ],
    [
      'the role that was signed for',
      'alice signed as security-lead, but is platform-lead',
      { envelope: pair(signAs(good.payload, alice, { role: 'security-lead' })) },
    ],
    [
      'the person whose key it is',
      'carol signed with the key of bob',
      { envelope: pair(signAs(good.payload, bob, { person: 'carol' })) },
    ],
    [
      'a person under another name',
      'bob signed with the key of bob',
      { envelope: pair(signAs(good.payload, bob, { name: 'Carol' })) },
    ],
    [
      'a revoked key',
      `bob, ${bob.kid}`,
      withTrust({ revoked: { keys: [{ kid: bob.kid, at: NOW, reason: 'lost' }], statements: [] } }),
    ],
    [
      'a time in the future',
      `alice: signed at 2026-01-15T09:00:00.001Z, now is ${NOW}`,
      { envelope: signedBy([alice, bob], {}, { signed_at: '2026-01-15T09:00:00.001Z' }) },
    ],
    [
      'the window of a key',
      `bob: 2026-01-01T00:00:00.000Z to ${NOW}`,
      withTrust({ signers: [asSigner(alice), { ...asSigner(bob), until: NOW }] }),
    ],
    [
      'that no signature is valid',
      'no signature over it is valid',
      { envelope: { ...good, payload: `A${good.payload.slice(1)}` } },
    ],
    [
      'the signer of a signature in another spelling',
      `bob, ${bob.kid}`,
      { envelope: pair({ ...byBob, signature: 'AB' }) },
    ],
    [
      'a header that is no JSON',
      'not JSON',
      { envelope: pair({ ...byBob, protected: encode('{') }) },
    ],
    [
      'a header that is no object',
      'not an object',
      { envelope: pair(signRaw(good.payload, [], bob.key)) },
    ],
    ['a statement that is no JSON', 'not JSON', over('{')],
    [
      'a member that stands twice in a statement',
      'parsers disagree about which one counts',
      over('{"a":1,"a":1}'),
    ],
    ['a statement in another spelling', 'not in RFC 8785 form', over('{ }')],
    [
      'a decision that is a no-go',
      'the signed decision is no-go',
      { envelope: signedBy([alice, bob], { decision: 'no-go' }) },
    ],
    [
      'an unprotected header',
      'a signature has a member "header"',
      { envelope: pair({ ...byBob, header: {} }) },
    ],
    [
      'an envelope in another spelling',
      'the file is not in the form that ff signoff writes',
      { text: JSON.stringify(good) },
    ],
    ['the repeated key', alice.kid, { envelope: signedBy([alice, alice, bob]) }],
    [
      'the file that is left out',
      'plan: 0 times',
      withSubjects((name) => (name === 'plan' ? [] : [name])),
    ],
    [
      'the file that is named twice',
      'plan: 2 times',
      withSubjects((name) => (name === 'plan' ? [name, name] : [name])),
    ],
    [
      'the environment',
      'environment: signed production, now staging',
      identity({ environment: 'staging' }),
    ],
    ['code that is not known', 'code: signed sha256:aa, now none', identity({ code: null })],
    ['the attempt', 'signed for attempt 2, now is 3', identity({ attempt: 3 })],
    [
      'an attempt that is not known',
      'signed for attempt 2, now is unknown',
      identity({ attempt: null }),
    ],
    [
      'the file that was edited',
      'plan differs from the signed file',
      { present: { ...PRESENT, subjects: { ...PRESENT.subjects, plan: digest('x') } } },
    ],
    ['the end of the statement', PREPARED.not_after, { now: PREPARED.not_after as Instant }],
    [
      'the record that is younger than the signature',
      'alice: A1 ended 2026-01-15T07:30:00.000Z',
      { envelope: signedBy([alice, bob], {}, { signed_at: '2026-01-15T07:29:59.999Z' }) },
    ],
    [
      'what a signer did not attest',
      'bob: G, G3',
      { envelope: pair(signAs(good.payload, bob, { attests: ['A', 'F'] })) },
    ],
    [
      'the version that was signed under',
      'signed under version 2, but the trust file is version 1',
      { envelope: signedBy([alice, bob], { trust: { version: 2, sha256: digest('v2') } }) },
    ],
    [
      'the version that two trust files have',
      'two different files claim to be version 1',
      { envelope: signedBy([alice, bob], { trust: { version: 1, sha256: digest('v1') } }) },
    ],
    [
      'the statement that was revoked',
      digest(statement),
      withTrust({
        revoked: { keys: [], statements: [{ sha256: digest(statement), at: NOW, reason: 'x' }] },
      }),
    ],
    ['the person who withdrew', `bob, ${digest(statement)}`, withdrawn(withdrawal(bob))],
    [
      'why a withdrawal does not verify',
      `key_unknown: mallory, ${mallory.kid}`,
      withdrawn(withdrawal(mallory)),
    ],
    [
      'a date that does not exist',
      '2026-02-30T00:00:00.000Z is not a valid date and time',
      dated(),
    ],
    ['a member that stands twice', 'duplicate_member at /kind', repeated()],
  ])('%s', (_what, detail, { envelope = good, text = envelopeText(envelope), ...given }) => {
    const input = { trust: trusted(), present: PRESENT, now: NOW, ...given, envelope: text }
    expect(judgeSignoff(input, tools)).toMatchObject({ detail })
  })
  function dated(): Given {
    return { envelope: signedBy([alice, bob], {}, { signed_at: '2026-02-30T00:00:00.000Z' }) }
  }
  function repeated(): Given {
    return { present: { ...PRESENT, withdrawals: '{"kind":1,"kind":1}' } }
  }
})

describe('a trust file that is refused names', () => {
  const ci = asRunner('ci')
  const until = '2026-01-01T00:00:00.000Z'
  test.each<readonly [string, string, Partial<TrustFile>]>([
    [
      'a kid of another key',
      `alice Example, ${bob.kid}`,
      { signers: [{ ...asSigner(alice), kid: bob.kid }] },
    ],
    ['a shared key', alice.kid, { runners: [{ ...ci, kid: alice.kid, jwk: alice.jwk }] }],
    [
      'a window that never opens',
      'ci Example: from is not before until',
      { runners: [{ ...ci, until }] },
    ],
    [
      'a log that is closed and lost',
      'ci Example: its log is closed and lost',
      { runners: [{ ...ci, closed: { seq: 1, hash: digest('x') }, lost: true }] },
    ],
    ['a role without a signer', 'security-lead', { signers: [asSigner(alice)] }],
  ])('%s', (_what, detail, change) =>
    expect(parseTrust(trustText({ ...TRUST, ...change }), tools)).toMatchObject({
      fault: { detail },
    }),
  )
  test('where it is no JSON', () =>
    expect(parseTrust('{\n"', tools)).toMatchObject({
      fault: { detail: expect.stringMatching(/ at line 2, column \d+$/) },
    }))
  test('its end', () => {
    const text = trustText(TRUST)
    const now = TRUST.expires as Instant
    expect(checkTrust({ text, chain: null, pin: digest(text) }, now, tools)).toMatchObject({
      fault: { code: 'trust_expired', detail: TRUST.expires },
    })
  })
})

describe('a sign-off counts', () => {
  const outcome = (given: Given) => {
    const { envelope = good, ...more } = given
    const input = { trust: trusted(), present: PRESENT, now: NOW, ...more }
    return judgeSignoff({ ...input, envelope: envelopeText(envelope) }, tools)
  }
  const under = (change: Partial<TrustFile>): Given => {
    const trust = { ...TRUST, ...change }
    const sha256 = digest(trustText(trust))
    return {
      trust: trusted(trust),
      envelope: signedBy([alice, bob], { trust: { version: 1, sha256 } }),
    }
  }
  test.each<readonly [string, Given]>([
    ['signed at this moment', { envelope: signedBy([alice, bob], {}, { signed_at: NOW }) }],
    [
      'signed as the last record ended',
      { envelope: signedBy([alice, bob], {}, { signed_at: '2026-01-15T07:30:00.000Z' }) },
    ],
    [
      'signed as the time of its keys began',
      under({
        signers: [alice, bob].map((one) => ({
          ...asSigner(one),
          from: '2026-01-15T08:00:00.000Z',
        })),
      }),
    ],
    ['signed under an earlier trust file', { trust: trusted({ ...TRUST, version: 2 }) }],
  ])('%s', (_what, given) => expect(outcome(given).status).toBe('verified'))
  test('until the trust file ends, where that is first', () => {
    const expires = '2026-01-16T00:00:00.000Z'
    expect(outcome(under({ expires }))).toMatchObject({ valid_until: expires })
  })
  test.each([
    ['one signature', [bob]],
    ['a valid one and two that are not', [alice, bob, bob]],
  ])('not with %s over another payload', (_what, people) => {
    const signatures = people.map((who) =>
      signRaw(good.payload, toHeader(who), who === bob ? mallory.key : who.key),
    )
    expect(outcome({ envelope: { ...good, signatures } })).toMatchObject({
      status: 'refused',
      code: 'signature_invalid',
    })
  })
  test.each(['jwk', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256'])(
    'not with a header member %s',
    (name) =>
      expect(outcome(bobWith({ [name]: 'x' }))).toMatchObject({
        code: 'header_key_embedded',
        detail: name,
      }),
  )
  test.each([
    ['none', 'alg_none'],
    ['NONE', 'alg_none'],
    ['x-none', 'alg_not_allowed'],
    ['none-x', 'alg_not_allowed'],
    ['HS256', 'alg_symmetric'],
    ['hs512', 'alg_symmetric'],
    ['PHS1', 'alg_not_allowed'],
  ])('not with the algorithm %s: %s', (alg, code) =>
    expect(outcome(bobWith({ alg }))).toMatchObject({ code, detail: alg }),
  )
  test('whatever ends the key of a person who did not sign', () => {
    const until = '2026-01-16T00:00:00.000Z'
    const carol = { ...asSigner(makePerson('carol', 'security-lead')), until }
    const given = under({ signers: [asSigner(alice), asSigner(bob), carol] })
    expect(outcome(given)).toMatchObject({ valid_until: PREPARED.not_after })
  })
  test('whatever other statement is revoked', () => {
    const statements = [{ sha256: digest('other'), at: NOW, reason: 'x' }]
    expect(outcome(under({ revoked: { keys: [], statements } })).status).toBe('verified')
  })
  test('not without a signature, whatever has changed since', () =>
    expect(
      outcome({ ...identity({ attempt: 3 }), envelope: { ...good, signatures: [] } }),
    ).toMatchObject({ status: 'missing', roles: ['platform-lead', 'security-lead'] }))
  test.each([
    ['{"header":1}', 'unprotected_header'],
    ['{"signatures":[1,{"header":1}]}', 'unprotected_header'],
    ['{"payload":[{"header":1}]}', 'envelope_malformed'],
    ['{"signatures":{"header":1}}', 'envelope_malformed'],
    ['{"signatures":null}', 'envelope_malformed'],
    ['null', 'envelope_malformed'],
    ['1', 'envelope_malformed'],
  ])('not as %s: %s', (envelope, code) => {
    const input = { trust: trusted(), present: PRESENT, now: NOW, envelope }
    expect(judgeSignoff(input, tools)).toMatchObject({ status: 'refused', code })
  })
})

test('signatures over decisions and waivers end with the key, others do not', () => {
  const live = Object.entries(SIGNATURE_KINDS).filter((kind) => kind[1].live)
  expect(live.map(([typ]) => typ)).toEqual(['ff-signoff+jws', 'ff-waiver+jws'])
})
