import { describe, expect, test } from 'vitest'
import type { UntrustedJwk } from '../../../src/adapters/auth/key-filter.ts'
import { KeySet } from '../../../src/adapters/auth/key-set.ts'
import { type Algorithm, verifySignatureBytes } from '../../../src/adapters/jose/compact.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { EC, ED, type Pair, published, ROCA, RSA_1, RSA_2, signed, WEAK } from './signed.ts'

const [R1, R2, EC1, ED1] = [RSA_1, RSA_2, EC, ED].map(published) as [
  UntrustedJwk,
  UntrustedJwk,
  UntrustedJwk,
  UntrustedJwk,
]
const KID = RSA_1.kid
const getSet = (...keys: readonly UntrustedJwk[]): KeySet => new KeySet(keys, CONTRACT.keys)
const without =
  (name: string) =>
  (jwk: UntrustedJwk): UntrustedJwk =>
    Object.fromEntries(Object.entries(jwk).filter(([one]) => one !== name))
const bare = without('kid')
const anyAlg = without('alg')
const reversed = (jwk: UntrustedJwk): UntrustedJwk =>
  Object.fromEntries(Object.entries(jwk).reverse())
const status = async (set: KeySet, kid: string | null, alg = 'RS256'): Promise<string> =>
  (await set.select(kid, alg)).status

/** Whether the selected key verifies signatures of this pair. */
async function selects(set: KeySet, kid: string | null, pair: Pair): Promise<boolean> {
  const selected = await set.select(kid, pair.alg)
  if (selected.status !== 'found') return false
  return verifySignatureBytes(signed({ key: pair }), selected.key, pair.alg as Algorithm)
}

describe('a token with a kid', () => {
  test.each([
    ['RS256', RSA_2],
    ['ES256', EC],
    ['EdDSA', ED],
  ])('selects its key: %s', async (_alg, pair) => {
    const set = getSet(R1, R2, EC1, ED1)
    expect(await selects(set, pair.kid, pair)).toBe(true)
    expect(await selects(set, RSA_1.kid, pair)).toBe(false)
  })

  test.each<[string, readonly UntrustedJwk[], string, string]>([
    ['no key at all', [], KID, 'kid_absent'],
    ['another kid', [R2], KID, 'kid_absent'],
    ['another spelling', [{ ...R1, kid: KID.toUpperCase() }], KID, 'kid_absent'],
    ['a space behind', [{ ...R1, kid: `${KID} ` }], KID, 'kid_absent'],
    ['a key without a kid', [bare(R1)], KID, 'kid_absent'],
    ['a key without a kid, for an empty one', [bare(R1)], '', 'kid_absent'],
    ['a kid of null', [{ ...R1, kid: null }], 'null', 'kid_absent'],
    ['a kid that is a number', [{ ...R1, kid: 1 }], '1', 'kid_absent'],
    ['a kid that is a list', [{ ...R1, kid: [KID] }], KID, 'kid_absent'],
    ['a name that every object has', [R1], 'constructor', 'kid_absent'],
    ['the name of a prototype', [R1], '__proto__', 'kid_absent'],
    ['a key for encryption', [{ ...R1, use: 'enc' }], KID, 'key_not_usable'],
    ['a key that is too short', [published(WEAK)], WEAK.kid, 'key_not_usable'],
    ['a broken key', [published(ROCA)], ROCA.kid, 'key_not_usable'],
    ['a private key', [{ ...RSA_1 }], KID, 'key_not_usable'],
    ['a key of another algorithm', [{ ...R1, alg: 'RS512' }], KID, 'key_not_usable'],
    ['a key of another type', [{ ...EC1, kid: KID }], KID, 'key_not_usable'],
    ['a point that is on no curve', [{ ...EC1, kid: KID, y: EC['x'] }], KID, 'key_not_usable'],
    ['an empty kid', [{ ...R1, kid: '' }], '', 'found'],
  ])('%s', async (_situation, keys, kid, expected) => {
    expect(await status(getSet(...keys), kid)).toBe(expected)
    expect(getSet(...keys).has(kid)).toBe(expected !== 'kid_absent')
  })

  test('a point that is on no curve is no key of its own algorithm', async () => {
    expect(await status(getSet({ ...EC1, y: EC['x'] }), EC.kid, 'ES256')).toBe('key_not_usable')
  })
})

describe('two keys of one kid', () => {
  const twin = { ...R2, kid: KID }

  test.each<[string, readonly UntrustedJwk[], string]>([
    ['both fit', [R1, twin], 'key_not_usable'],
    ['both fit, and differ in a member alone', [R1, { ...R1, x5t: 'a' }], 'key_not_usable'],
    ['both fit, and neither says its algorithm', [anyAlg(R1), anyAlg(twin)], 'key_not_usable'],
    [
      'neither fits',
      [
        { ...EC1, kid: KID },
        { ...ED1, kid: KID },
      ],
      'key_not_usable',
    ],
    [
      'neither is usable',
      [
        { ...R1, use: 'enc' },
        { ...twin, use: 'enc' },
      ],
      'key_not_usable',
    ],
    ['K1: the same key twice', [R1, R1], 'found'],
    ['K1: the same key twice, its members in another order', [R1, reversed(R1)], 'found'],
    ['K1: the same key twice and another', [R1, twin, R1], 'key_not_usable'],
    ['one is for encryption', [{ ...twin, use: 'enc' }, R1], 'found'],
    ['one is of another algorithm', [R1, { ...twin, alg: 'PS256' }], 'found'],
    ['one is of another type', [{ ...EC1, kid: KID }, R1], 'found'],
  ])('%s', async (_situation, keys, expected) => {
    const set = getSet(...keys)
    expect(await status(set, KID)).toBe(expected)
    expect(await selects(set, KID, RSA_1)).toBe(expected === 'found')
  })

  test('each is found by its algorithm', async () => {
    const set = getSet(R1, { ...EC1, kid: KID })
    expect(await selects(set, KID, RSA_1)).toBe(true)
    expect(await selects(set, KID, EC)).toBe(true)
  })
})

describe('a token without a kid', () => {
  test.each<[string, readonly UntrustedJwk[], string, string]>([
    ['one key', [R1], 'RS256', 'found'],
    ['one key without a kid', [bare(R1)], 'RS256', 'found'],
    ['one that is usable', [{ ...R2, use: 'enc' }, R1, published(WEAK)], 'RS256', 'found'],
    ['no key', [], 'RS256', 'key_not_usable'],
    ['none that is usable', [{ ...R1, use: 'enc' }], 'RS256', 'key_not_usable'],
    ['one of another algorithm', [EC1], 'RS256', 'key_not_usable'],
    ['two', [R1, R2], 'RS256', 'kid_ambiguous'],
    ['two, of which one fits', [R1, EC1], 'ES256', 'kid_ambiguous'],
    ['two, of which none fits', [R1, R2], 'ES256', 'kid_ambiguous'],
    ['K1: the same key twice', [R1, R1], 'RS256', 'found'],
  ])('%s', async (_situation, keys, alg, expected) => {
    expect(await status(getSet(...keys), null, alg)).toBe(expected)
  })

  test('a key whose curve is no text leaves the other without a rival', async () => {
    expect(await status(getSet(R1, { ...anyAlg(EC1), crv: ['P-256'] }), null)).toBe('found')
  })
})

describe('K1: Ed25519 and EdDSA are one algorithm', () => {
  test.each(['EdDSA', 'Ed25519'])('a key with alg %s verifies both', async (alg) => {
    const set = getSet({ ...ED1, alg })
    for (const name of ['EdDSA', 'Ed25519'])
      expect(await selects(set, ED.kid, { ...ED, alg: name })).toBe(true)
  })

  test('so two keys of one kid with either name are one too many', async () => {
    const twins = getSet(ED1, { ...ED1, alg: 'Ed25519' })
    expect(await status(twins, ED.kid, 'Ed25519')).toBe('key_not_usable')
  })

  test.each([R1, EC1])('no other key verifies Ed25519: %#', async (jwk) => {
    expect(await status(getSet(anyAlg(jwk)), String(jwk['kid']), 'Ed25519')).toBe('key_not_usable')
  })
})

test('a key is imported once for each algorithm', async () => {
  const set = getSet(anyAlg(R1))
  const [once, again, other] = await Promise.all(
    ['RS256', 'RS256', 'RS512'].map((alg) => set.select(KID, alg)),
  )
  expect(once).toMatchObject({ status: 'found' })
  expect(once?.status === 'found' && again?.status === 'found' && once.key === again.key).toBe(true)
  expect(once?.status === 'found' && other?.status === 'found' && once.key === other.key).toBe(
    false,
  )
})

describe('a key that no token selects', () => {
  const twin = { ...R2, kid: KID }
  test.each<[string, readonly UntrustedJwk[], string | null]>([
    ['none: the only key', [R1], null],
    ['none: one without a kid', [bare(R1)], null],
    ['its own fault', [{ ...R1, use: 'enc' }], 'use_not_sig'],
    ['an algorithm that is not allowed', [EC1], 'alg_not_allowed'],
    ['a twin of its kid', [R1, twin], 'kid_repeated'],
    ['none: a twin that is not sound', [R1, { ...twin, use: 'enc' }], null],
    ['none: a twin of another algorithm', [anyAlg(R1), { ...twin, alg: 'PS256' }], null],
    ['no kid beside another key', [bare(R1), R2], 'kid_ambiguous'],
    ['a kid that is a number, beside another key', [{ ...R1, kid: 1 }, R2], 'kid_ambiguous'],
  ])('%s', async (_what, keys, fault) => {
    const set = getSet(...keys)
    const [first] = set.entries
    if (first === undefined) throw new Error('the set is empty')
    const algorithms = ['RS256', 'PS256'] as const
    expect(await set.findUseFault(first, algorithms)).toBe(fault)
    // It is the judgement of select: some token selects the key, or none does.
    const kid = typeof first.jwk['kid'] === 'string' ? first.jwk['kid'] : null
    const selected = await Promise.all(
      algorithms.map((alg) => selects(set, kid, { ...RSA_1, alg })),
    )
    expect(selected.includes(true)).toBe(fault === null)
  })
  test('a point that is not on its curve', async () => {
    const off = { ...EC1, y: EC1['x'] }
    const set = getSet(off)
    const [entry] = set.entries
    expect(entry && (await set.findUseFault(entry, ['ES256']))).toBe('malformed')
  })
})
