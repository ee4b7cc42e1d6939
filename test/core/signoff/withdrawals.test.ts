import { describe, expect, test } from 'vitest'
import {
  findWithdrawalFault,
  formatWithdrawal,
  formatWithdrawals,
  listWithdrawals,
  listWithdrawn,
} from '../../../src/core/signoff/withdrawals.ts'
import { canonicalizeObject } from '../../../src/core/signoff/read-document.ts'
import type { Envelope, TrustFile, VerifiedSignature } from '../../../src/core/signoff/types.ts'
import {
  alice,
  asSigner,
  bob,
  digest,
  encode,
  makePerson,
  NOW,
  type Person,
  signRaw,
  toHeader,
  tools,
  TRUST,
} from '../../features/signoff/people.ts'

const STATEMENT = digest('statement')
const by = (who: Person, statement = STATEMENT): Envelope => {
  const payload = encode(formatWithdrawal(statement))
  const about = toHeader(who, { meaning: 'withdraws-approval', attests: [] })
  return {
    payload,
    signatures: [signRaw(payload, { ...about, typ: 'ff-withdrawal+jws' }, who.key)],
  }
}
const list = (text: string | null): readonly string[] =>
  listWithdrawn({ text, statement: STATEMENT, trust: TRUST, now: NOW }, tools)
const file = (...withdrawals: readonly Envelope[]): string => formatWithdrawals(withdrawals)

test('the people who have withdrawn from a statement are those whose withdrawals of it verify', () => {
  const mallory = makePerson('mallory', 'platform-lead')
  expect(list(null)).toEqual([])
  expect(list('{}')).toEqual([])
  expect(list(file(by(alice, digest('other')), by(mallory)))).toEqual([])
  expect(list(file(by(mallory), by(alice)))).toEqual(['alice'])
})

test('withdrawals in another spelling count for nothing', () => {
  const text = file(by(alice))
  expect(list(text)).toEqual(['alice'])
  for (const other of [` ${text}`, text.trimEnd(), text.replace(',', ', ')])
    expect(list(other)).toEqual([])
})

test('a signer withdraws over the RFC 8785 form of what is withdrawn from', () =>
  expect(formatWithdrawal(STATEMENT)).toBe(
    `{"kind":"withdrawal","schemaVersion":1,"statement":"${STATEMENT}"}`,
  ))
test('a withdrawal counts after the time of its key', () => {
  const { until } = asSigner(alice)
  const about = { text: file(by(alice)), statement: STATEMENT, trust: TRUST }
  expect(listWithdrawn({ ...about, now: until as typeof NOW }, tools)).toEqual(['alice'])
})

describe('a withdrawal by a signer who has left', () => {
  const find = (change: Partial<TrustFile>, statement: string) =>
    findWithdrawalFault(
      {
        text: file(by(bob, statement)),
        statement: STATEMENT,
        signed: [],
        trust: { ...TRUST, ...change },
        now: NOW,
      },
      tools,
    )
  const signer = (change: object) => ({
    signers: [asSigner(alice), { ...asSigner(bob), ...change }],
  })
  test.each<readonly [string, Partial<TrustFile>]>([
    ['key_unknown', { signers: [asSigner(alice)] }],
    [
      'key_revoked',
      { revoked: { keys: [{ kid: bob.kid, at: NOW, reason: 'lost' }], statements: [] } },
    ],
    ['key_outside_window', signer({ until: '2026-01-10T00:00:00.000Z' })],
    ['role_not_of_signer', signer({ role: 'platform-lead' })],
    ['person_not_of_signer', signer({ person: 'robert' })],
  ])('%s: is passed over unless it is about this statement', (code, change) => {
    expect(find(change, digest('other'))).toBeNull()
    expect(find(change, STATEMENT)).toEqual({
      code: 'withdrawal_invalid',
      detail: expect.stringMatching(`^${code}: bob`),
    })
  })
  test.each([
    ['without a statement', encode('{"kind":"withdrawal"}')],
    ['of an empty statement', encode(formatWithdrawal(''))],
    ['of a statement in capitals', encode(formatWithdrawal(STATEMENT.toUpperCase()))],
    ['with a blank', encode(`${formatWithdrawal(STATEMENT)} `)],
    ['that names none', encode('{"kind":"withdrawal","schemaVersion":1}')],
    ['that is not UTF-8', '_w'],
  ])('is about no statement in another form: %s', (_what, payload) => {
    const found = findWithdrawalFault(
      {
        text: file({ ...by(bob), payload }),
        statement: STATEMENT,
        signed: [],
        trust: TRUST,
        now: NOW,
      },
      tools,
    )
    expect(found).toEqual({
      code: 'withdrawal_invalid',
      detail: 'it is not in the form that ff signoff withdraw writes',
    })
  })
})

describe('the withdrawals of a file', () => {
  const OTHER = digest('other')
  const find = (text: string | null, ...people: readonly string[]) => {
    const signed = people.map((person) => ({ person }) as VerifiedSignature)
    return findWithdrawalFault(
      { text, statement: STATEMENT, signed, trust: TRUST, now: NOW },
      tools,
    )
  }
  const gone = { code: 'signature_withdrawn', detail: `bob, ${STATEMENT}` }

  test('end a statement where one of its signers withdrew from it', () => {
    expect(find(file(by(bob)), 'alice', 'bob')).toEqual(gone)
    expect(find(file(by(alice), by(bob)), 'bob')).toEqual(gone)
  })
  test('end no statement that their signer did not sign, or that they are not about', () => {
    expect(find(null, 'bob')).toBeNull()
    expect(find(file(by(bob)), 'alice')).toBeNull()
    expect(find(file(by(bob, OTHER)), 'bob')).toBeNull()
  })
  const twice = [...by(bob).signatures, ...by(alice).signatures]
  const FORM = 'it is not in the form that ff signoff withdraw writes'
  test.each([
    ['without JSON', 'x', expect.any(String)],
    [
      'in another spelling',
      ` ${file(by(bob))}`,
      'it has another spelling than ff signoff withdraw writes',
    ],
    ['of two signatures', file({ ...by(bob), signatures: twice }), FORM],
    ['of no signature', file({ ...by(bob), signatures: [] }), FORM],
  ])('are a fault %s', (_what, text, detail: unknown) => {
    expect(find(text)).toEqual({ code: 'withdrawal_invalid', detail })
  })
  test('are listed by their digests, without one that does not verify', () => {
    const list = (text: string | null) => listWithdrawals({ text, trust: TRUST, now: NOW }, tools)
    const left = by(makePerson('mallory', 'platform-lead'), OTHER)
    const forged = { ...by(bob, OTHER), signatures: by(bob).signatures }
    const kept = [by(alice), left, by(bob, OTHER)]
    expect(list(file(...kept, forged))).toEqual(
      kept.map((one) => tools.sha256(canonicalizeObject(one))),
    )
    expect([list(null), list('{}')]).toEqual([[], []])
  })
})
