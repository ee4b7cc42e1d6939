import { describe, expect, test } from 'vitest'
import {
  checkApprovals,
  checkTrust,
  formatTrustChain,
  parseTrust,
  withRevokedStatement,
  toTrustFault,
} from '../../../src/core/signoff/trust.ts'
import type { Envelope, TrustFile } from '../../../src/core/signoff/types.ts'
import {
  alice,
  asRunner,
  asSigner,
  bob,
  digest,
  encode,
  toHeader,
  makePerson,
  NOW,
  type Person,
  signRaw,
  tools,
  TRUST,
  trustText,
} from './people.ts'

const carol = makePerson('carol', 'security-lead')
const second: TrustFile = { ...TRUST, version: 2, signers: [asSigner(alice), asSigner(carol)] }
const third: TrustFile = { ...second, version: 3 }
const link = (trust: TrustFile, people: readonly Person[], ff: object = {}): Envelope => {
  const payload = encode(trustText(trust))
  const header = (who: Person) => ({
    ...toHeader(who, { meaning: 'approves-trust', attests: [], ...ff }),
    typ: 'ff-trust+jws',
  })
  return { payload, signatures: people.map((who) => signRaw(payload, header(who), who.key)) }
}
const getChain = (...links: readonly Envelope[]): string => formatTrustChain(links)

interface Given {
  readonly trust?: TrustFile
  readonly chain?: string | null
  readonly pinned?: TrustFile
}
function getCode({ trust = second, chain = WHOLE, pinned = trust }: Given): string {
  const text = trustText(trust)
  const found = checkTrust({ text, chain, pin: digest(trustText(pinned)) }, NOW, tools)
  return found.status === 'refused' ? found.fault.code : found.status
}
const first = link(TRUST, [])
const WHOLE = getChain(first, link(second, [alice, bob]))

describe('the chain of a trust file', () => {
  const cases: readonly (readonly [string, string, Given])[] = [
    ['its own pin', 'trusted', {}],
    ['V7: the pin of the previous version', 'trust_pin_outdated', { pinned: TRUST }],
    [
      'V7: the previous version under the new pin',
      'trust_pin_mismatch',
      { trust: TRUST, pinned: second },
    ],
    [
      'the pin of the previous version without the chain',
      'trust_pin_mismatch',
      { chain: null, pinned: TRUST },
    ],
    [
      'the pin of the previous version under a chain that is not signed',
      'trust_pin_mismatch',
      { chain: getChain(first, link(second, [alice])), pinned: TRUST },
    ],
    [
      'a chain that begins at a later version',
      'trusted',
      { trust: third, chain: getChain(link(second, []), link(third, [alice, carol])) },
    ],
    [
      'three versions',
      'trusted',
      {
        trust: third,
        chain: getChain(first, link(second, [alice, bob]), link(third, [alice, carol])),
      },
    ],
    ['a pin of another file', 'trust_pin_mismatch', { pinned: third }],
    ['version 2 without a chain, for which the pin alone vouches', 'trusted', { chain: null }],
    ['a file that is not in its chain', 'trust_unsigned', { trust: third }],
    ['the file rolled back with its pin', 'trust_rolled_back', { trust: TRUST }],
    [
      'a link signed by one role',
      'trust_unsigned',
      { chain: getChain(first, link(second, [alice])) },
    ],
    [
      'a link signed by a signer that it adds',
      'key_unknown',
      { chain: getChain(first, link(second, [alice, carol])) },
    ],
    [
      'a link signed before the window of its signer',
      'key_outside_window',
      {
        chain: getChain(
          first,
          link(second, [alice, bob], { signed_at: '2025-12-31T23:59:59.999Z' }),
        ),
      },
    ],
    [
      'a version left out',
      'trust_chain_broken',
      { trust: third, chain: getChain(first, link(third, [alice, bob])) },
    ],
    [
      'a version below the one before',
      'trust_rolled_back',
      { chain: getChain(first, link(second, [alice, bob]), link(TRUST, [alice, carol])) },
    ],
    ['a malformed chain', 'trust_chain_broken', { chain: '{}' }],
    ['a chain without a version', 'trust_chain_broken', { chain: getChain() }],
    ['a chain in another spelling', 'trust_chain_broken', { chain: `${WHOLE} ` }],
    [
      'a first version with a signature',
      'trust_chain_broken',
      { chain: getChain(link(TRUST, [alice]), link(second, [alice, bob])) },
    ],
    [
      'a link that is not UTF-8',
      'trust_chain_broken',
      { chain: getChain({ payload: '_w', signatures: [] }) },
    ],
    [
      'a link that is not canonical base64url',
      'trust_chain_broken',
      { chain: getChain({ payload: 'AB', signatures: [] }) },
    ],
    [
      'a link that is not a trust file',
      'trust_malformed',
      { chain: getChain({ payload: encode('{}'), signatures: [] }) },
    ],
  ]
  test.each(cases)('%s: %s', (_what, code, given) => expect(getCode(given)).toBe(code))

  test.each<readonly [string, string, Given]>([
    [
      'the pin of the previous version',
      `FF_TRUST_SHA256 is the pin of an earlier version; the SHA-256 of this one is ${digest(trustText(second))}`,
      { pinned: TRUST },
    ],
    [
      'the pin of another file',
      `FF_TRUST_SHA256 is ${digest(trustText(third))}, and the file is ${digest(trustText(second))}`,
      { pinned: third },
    ],
    ['a file that is not in its chain', 'the file is not in its chain', { trust: third }],
    ['an older file', 'version 1 is not the newest in the chain', { trust: TRUST }],
    [
      'a link signed by one role',
      'version 2: role_missing security-lead',
      { chain: getChain(first, link(second, [alice])) },
    ],
    [
      'a link that is not signed',
      'version 2: role_missing platform-lead, security-lead',
      { chain: getChain(first, link(second, [])) },
    ],
    [
      'a version left out',
      'version 3 after 1',
      { trust: third, chain: getChain(first, link(third, [alice, bob])) },
    ],
    [
      'a version below the one before',
      'version 1 after 2',
      { chain: getChain(first, link(second, [alice, bob]), link(TRUST, [alice, carol])) },
    ],
    [
      'a link that is not UTF-8',
      'a link is not base64url of UTF-8',
      { chain: getChain({ payload: '_w', signatures: [] }) },
    ],
  ])('the refusal of %s says: %s', (_what, detail, { trust = second, chain = WHOLE, pinned }) => {
    const pin = digest(trustText(pinned ?? trust))
    const found = checkTrust({ text: trustText(trust), chain, pin }, NOW, tools)
    expect(found).toMatchObject({ status: 'refused', fault: { detail } })
  })
  test('a missing file is absent without a pin and refused with one; a file without a pin is not trusted', () => {
    const text = trustText(TRUST)
    const check = (one: string | null, pin: string | null) =>
      checkTrust({ text: one, chain: null, pin }, NOW, tools)
    expect(check(null, null)).toEqual({ status: 'absent' })
    expect(check(null, digest(text))).toMatchObject({ fault: { code: 'trust_missing' } })
    expect(check(text, null)).toEqual({ status: 'unpinned', sha256: digest(text) })
    const mismatch = check(text, digest('other'))
    expect(mismatch).toMatchObject({ fault: { code: 'trust_pin_mismatch' } })
    const codes = [check(null, null), check(text, null), mismatch].map(
      (one) => one.status !== 'trusted' && toTrustFault(one).code,
    )
    expect(codes).toEqual(['trust_missing', 'trust_pin_missing', 'trust_pin_mismatch'])
    const details = [check(null, null), check(text, null), check(null, digest(text))].map(
      (one) => one.status !== 'trusted' && toTrustFault(one).detail,
    )
    expect(details).toEqual([
      expect.stringContaining('ff trust init'),
      expect.stringContaining('ff trust pin'),
      'a pin is set, but no trust file exists',
    ])
  })
})

describe('the rules of a trust file', () => {
  const named = asRunner('ci')
  const end = { seq: 3, hash: digest('record') }
  const cases: readonly (readonly [string, string, Partial<TrustFile>])[] = [
    ['the unchanged file', 'ok', {}],
    [
      'a kid of another key',
      'trust_kid_differs',
      { signers: [{ ...asSigner(alice), kid: bob.kid }] },
    ],
    [
      'a runner with the key of a person',
      'trust_key_shared',
      { runners: [{ ...named, kid: alice.kid, jwk: alice.jwk }] },
    ],
    ['a runner for no place', 'trust_malformed', { runners: [{ ...named, places: [] }] }],
    ['a runner whose log is closed', 'ok', { runners: [{ ...named, closed: end }] }],
    ['a runner whose log is lost', 'ok', { runners: [{ ...named, lost: true }] }],
    [
      'a log that is closed and lost',
      'trust_malformed',
      { runners: [{ ...named, closed: end, lost: true }] },
    ],
    ['a role without a signer', 'trust_role_unfilled', { signers: [asSigner(alice)] }],
    [
      'a window that never opens',
      'trust_malformed',
      { signers: [{ ...asSigner(alice), until: asSigner(alice).from }, asSigner(bob)] },
    ],
    ['one role alone required', 'trust_malformed', { required_roles: ['platform-lead'] }],
    [
      'a laxer waiver policy',
      'trust_malformed',
      { waiver_policy: { max_active: 4, max_days: 14 } },
    ],
    ['a date that does not exist', 'trust_malformed', { expires: '2026-02-30T00:00:00.000Z' }],
  ]
  const codeOfFile = (text: string): string => {
    const read = parseTrust(text, tools)
    return read.ok ? 'ok' : read.fault.code
  }
  test.each(cases)('%s: %s', (_what, code, change) =>
    expect(codeOfFile(trustText({ ...TRUST, ...change }))).toBe(code),
  )
  test('a key of small order, for which signatures can be forged', () => {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) } as const
    const weak = { ...asSigner(bob), jwk, kid: tools.thumbprint(jwk) }
    expect(codeOfFile(trustText({ ...TRUST, signers: [asSigner(alice), weak] }))).toBe(
      'trust_key_weak',
    )
  })
  test('a text that is not JSON, or repeats a member', () => {
    expect(codeOfFile('{')).toBe('trust_malformed')
    expect(codeOfFile(trustText(TRUST).replace('{', '{"version": 1,'))).toBe('trust_malformed')
  })
})

test('the approvals of a version are those of its signatures', () => {
  const approve = (...people: readonly Person[]) =>
    checkApprovals(link(second, people), { trust: TRUST, now: NOW }, tools)
  const person = ({ person: name, role, kid }: Person) => ({ person: name, role, kid })
  expect(approve()).toEqual({ ok: true, value: [] })
  expect(approve(bob, alice)).toMatchObject({ ok: true, value: [bob, alice].map(person) })
  expect(approve(alice, carol)).toMatchObject({ ok: false, fault: { code: 'key_unknown' } })
})

test('a revocation makes the next version', () => {
  const revoked = { sha256: digest('x'), at: NOW, reason: 'withdrawn' }
  expect(withRevokedStatement(TRUST, revoked)).toEqual({
    ...TRUST,
    version: 2,
    revoked: { keys: [], statements: [revoked] },
  })
})
