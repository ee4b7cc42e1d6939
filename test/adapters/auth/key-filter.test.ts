import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type UntrustedJwk,
  findKeyFault,
  type KeyFault,
  isKeyUsableFor,
} from '../../../src/adapters/auth/key-filter.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { EC, ED, encoded, published, ROCA, RSA_1, RSA_2, WEAK } from './signed.ts'
import { examples } from '../../support/scale.ts'

const LIMITS = CONTRACT.keys
const [R1, EC1, ED1] = [RSA_1, EC, ED].map(published) as [UntrustedJwk, UntrustedJwk, UntrustedJwk]
/** The 32 bytes of a point: the given ones, then zeros. */
const point = (hex: string): string => encoded(Buffer.from(hex.padEnd(64, '0'), 'hex'))
const curve = (namedCurve: string): UntrustedJwk =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' }) as UntrustedJwk
const P384 = curve('P-384')
const P521 = curve('P-521')

/** A modulus of this many bits, not of the ROCA generator, with this many leading zero bytes. */
function modulus(bits: number, zeros = 0): string {
  const hex = ((1n << BigInt(bits - 1)) + 1n).toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return encoded(Buffer.concat([Buffer.alloc(zeros), bytes]))
}
/** A modulus with the ROCA fingerprint: 2048 bits, a power of 65537 modulo every small prime. */
function powerOf65537(): string {
  const product = [3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n, 43n, 47n, 53n, 59n, 61n]
    .concat([67n, 71n, 73n, 79n, 83n, 89n, 97n, 101n, 103n, 107n, 109n, 113n, 127n, 131n, 137n])
    .concat([139n, 149n, 151n, 157n, 163n, 167n])
    .reduce((all, prime) => all * prime, 1n)
  const number = product * ((1n << 2047n) / product + 1n) + 65_537n
  return encoded(Buffer.from(number.toString(16), 'hex'))
}
const without = (jwk: UntrustedJwk, name: string): UntrustedJwk =>
  Object.fromEntries(Object.entries(jwk).filter(([one]) => one !== name))
const bytes = (...values: number[]): string => encoded(Buffer.from(values))

describe('findKeyFault', () => {
  test.each<[string, UntrustedJwk]>([
    ['RSA of 2048 bits', R1],
    ['another', published(RSA_2)],
    ['P-256', EC1],
    ['P-384', P384],
    ['P-521', P521],
    ['Ed25519', ED1],
    ['no use', without(R1, 'use')],
    ['no alg', without(R1, 'alg')],
    ['no kid', without(R1, 'kid')],
    ['a certificate beside it', { ...R1, x5c: ['AAAA'], x5t: 'x', x5u: 'https://a.example' }],
    ['unknown members', { ...R1, constructor: 1, ['__proto__x']: {} }],
    ['operations with verify among them', { ...R1, key_ops: ['sign', 'verify'] }],
    ['the shortest modulus', { ...R1, n: modulus(2048) }],
    ['the longest modulus', { ...R1, n: modulus(8192) }],
    ['the longest modulus, with a leading zero', { ...R1, n: modulus(8192, 1) }],
    ['an exponent of 3', { ...R1, e: bytes(3) }],
    ['an exponent of 3 in four bytes', { ...R1, e: bytes(0, 0, 0, 3) }],
    ['the greatest exponent', { ...R1, e: bytes(255, 255, 255, 255) }],
    ['RSA for PS512', { ...R1, alg: 'PS512' }],
  ])('none: %s', (_situation, jwk) => {
    expect(findKeyFault(jwk, LIMITS)).toBeNull()
  })

  const FAULTY: readonly (readonly [string, UntrustedJwk, KeyFault])[] = [
    ['nothing at all', {}, 'kty_unknown'],
    ['an unknown type', { ...R1, kty: 'rsa' }, 'kty_unknown'],
    ['a type that is a list', { ...R1, kty: ['RSA'] }, 'kty_unknown'],
    ['a secret', { kty: 'oct', k: 'c2VjcmV0' }, 'symmetric'],
    ['a secret without its octets', { kty: 'oct' }, 'symmetric'],
    ...['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map(
      (name) => [`a private ${name}`, { ...R1, [name]: 'AQ' }, 'private'] as const,
    ),
    ['a private member of null', { ...R1, d: null }, 'private'],
    ['an empty private member', { ...ED1, d: '' }, 'private'],
    ['a private key of a curve', { ...EC }, 'private'],
    ['for encryption', { ...R1, use: 'enc' }, 'use_not_sig'],
    ['a use in capitals', { ...R1, use: 'SIG' }, 'use_not_sig'],
    ['a use of null', { ...R1, use: null }, 'use_not_sig'],
    ['a use that is a list', { ...R1, use: ['sig'] }, 'use_not_sig'],
    ['operations without verify', { ...R1, key_ops: ['sign'] }, 'key_ops_without_verify'],
    ['no operation', { ...R1, key_ops: [] }, 'key_ops_without_verify'],
    ['operations that are a text', { ...R1, key_ops: 'verify' }, 'key_ops_without_verify'],
    ['operations of null', { ...R1, key_ops: null }, 'key_ops_without_verify'],
    ['an operation inside a list', { ...R1, key_ops: [['verify']] }, 'key_ops_without_verify'],
    ['an alg for encryption', { ...R1, alg: 'RSA-OAEP' }, 'alg_unknown'],
    ['alg none', { ...R1, alg: 'none' }, 'alg_unknown'],
    ['HS256', { ...R1, alg: 'HS256' }, 'alg_unknown'],
    ['an alg that every object has', { ...R1, alg: 'toString' }, 'alg_unknown'],
    ['an alg of null', { ...R1, alg: null }, 'alg_unknown'],
    ['RSA that says ES256', { ...R1, alg: 'ES256' }, 'alg_not_of_key'],
    ['P-256 that says RS256', { ...EC1, alg: 'RS256' }, 'alg_not_of_key'],
    ['P-256 that says ES384', { ...EC1, alg: 'ES384' }, 'alg_not_of_key'],
    ['P-384 that says ES256', { ...P384, alg: 'ES256' }, 'alg_not_of_key'],
    ['Ed25519 that says ES256', { ...ED1, alg: 'ES256' }, 'alg_not_of_key'],
    ['Ed448', { kty: 'OKP', crv: 'Ed448', x: encoded(Buffer.alloc(57)) }, 'curve_unknown'],
    ['X25519', { ...without(ED1, 'alg'), crv: 'X25519' }, 'curve_unknown'],
    ['secp256k1', { ...without(EC1, 'alg'), crv: 'secp256k1' }, 'curve_unknown'],
    ['no curve', without(without(EC1, 'alg'), 'crv'), 'curve_unknown'],
    ['a curve of another type', { ...without(ED1, 'alg'), kty: 'EC' }, 'curve_unknown'],
    ['P-256 as an octet key', { ...EC1, kty: 'OKP' }, 'curve_unknown'],
    ['a curve called RSA', { ...EC1, crv: 'RSA', alg: 'RS256' }, 'curve_unknown'],
    ['a curve that is a list', { ...without(EC1, 'alg'), crv: ['P-256'] }, 'curve_unknown'],
    ['a curve that is no text', { kty: 'EC', crv: { toString: null } }, 'curve_unknown'],
    ['no modulus', without(R1, 'n'), 'malformed'],
    ['an empty modulus', { ...R1, n: '' }, 'malformed'],
    ['a modulus that is a number', { ...R1, n: 1 }, 'malformed'],
    ['a padded modulus', { ...R1, n: `${String(R1['n'])}==` }, 'malformed'],
    ['a modulus in base64', { ...R1, n: `+/${String(R1['n']).slice(2)}` }, 'malformed'],
    ['a modulus with a line break', { ...R1, n: `${String(R1['n'])}\n` }, 'malformed'],
    ['no exponent', without(R1, 'e'), 'malformed'],
    ['an empty exponent', { ...R1, e: '' }, 'malformed'],
    ['another spelling of the exponent', { ...R1, e: 'AR' }, 'malformed'],
    ['half a point', without(EC1, 'y'), 'malformed'],
    ['a coordinate of 31 bytes', { ...EC1, x: encoded(Buffer.alloc(31, 1)) }, 'malformed'],
    ['a coordinate of 33 bytes', { ...EC1, y: encoded(Buffer.alloc(33, 1)) }, 'malformed'],
    ['65 bytes of P-521', { ...P521, x: encoded(Buffer.alloc(65, 1)) }, 'malformed'],
    ['Ed25519 without its point', without(ED1, 'x'), 'malformed'],
    ['the neutral point', { ...ED1, x: point('01') }, 'small_order'],
    [
      'the neutral point with a sign',
      { ...ED1, x: point(`01${'00'.repeat(30)}80`) },
      'small_order',
    ],
    ['a point of order 2', { ...ED1, x: point(`ec${'ff'.repeat(30)}7f`) }, 'small_order'],
    ['a point of order 4', { ...ED1, x: point('00') }, 'small_order'],
    [
      'a point of order 8',
      { ...ED1, x: point('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a') },
      'small_order',
    ],
    [
      'its negative',
      { ...ED1, x: point('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa') },
      'small_order',
    ],
    [
      'another point of order 8',
      { ...ED1, x: point('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05') },
      'small_order',
    ],
    ['another spelling of a point', { ...ED1, x: point(`ee${'ff'.repeat(30)}7f`) }, 'small_order'],
    ['RSA of 1024 bits', published(WEAK), 'rsa_too_short'],
    ['RSA of 2047 bits', { ...R1, n: modulus(2047) }, 'rsa_too_short'],
    ['2047 bits behind zeros', { ...R1, n: modulus(2047, 2) }, 'rsa_too_short'],
    ['a modulus of nothing but zeros', { ...R1, n: encoded(Buffer.alloc(256)) }, 'rsa_too_short'],
    ['RSA of 8193 bits', { ...R1, n: modulus(8193) }, 'rsa_too_long'],
    ['8192 bits behind two zeros', { ...R1, n: modulus(8192, 2) }, 'rsa_too_long'],
    ['an exponent of 0', { ...R1, e: bytes(0) }, 'rsa_exponent'],
    ['an exponent of 1', { ...R1, e: bytes(1) }, 'rsa_exponent'],
    ['an exponent of 1 behind zeros', { ...R1, e: bytes(0, 0, 1) }, 'rsa_exponent'],
    ['an exponent of 2', { ...R1, e: bytes(2) }, 'rsa_exponent'],
    ['an even exponent', { ...R1, e: bytes(1, 0, 0) }, 'rsa_exponent'],
    ['an exponent of five bytes', { ...R1, e: bytes(1, 0, 0, 0, 1) }, 'rsa_exponent'],
    ['65537 in five bytes', { ...R1, e: bytes(0, 0, 1, 0, 1) }, 'rsa_exponent'],
    ['a modulus of the broken generator', { ...R1, n: powerOf65537() }, 'roca'],
  ]
  test.each(FAULTY)('%s', (_situation, jwk, fault) => {
    expect(findKeyFault(jwk, LIMITS)).toBe(fault)
  })

  test('the ROCA fixture is refused for its generator, not its length', () => {
    expect(findKeyFault(published(ROCA), LIMITS)).toBe('roca')
  })

  test('a modulus of one megabyte costs almost no time', () => {
    const started = performance.now()
    expect(findKeyFault({ ...R1, n: 'A'.repeat(1_048_000) }, LIMITS)).toBe('rsa_too_long')
    expect(findKeyFault({ ...R1, n: 'A'.repeat(1_048_001) }, LIMITS)).toBe('malformed')
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  test('answers for any members', () => {
    const member = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('RSA', 'EC', 'OKP', 'P-256', 'Ed25519', 'sig', 'RS256', R1['n'], 'AQAB'),
      fc.dictionary(fc.constantFrom('toString', 'valueOf', '__proto__', 'length'), fc.jsonValue()),
    )
    const names = fc.constantFrom('kty', 'crv', 'n', 'e', 'x', 'y', 'use', 'alg', 'key_ops')
    const kty = fc.constantFrom('RSA', 'EC', 'OKP')
    fc.assert(
      fc.property(kty, fc.dictionary(names, member), (type, members) => {
        expect([null, expect.any(String)]).toContainEqual(
          findKeyFault({ kty: type, ...members } as UntrustedJwk, LIMITS),
        )
      }),
      examples(500),
    )
  })
})

describe('isKeyUsableFor', () => {
  const bare = (jwk: UntrustedJwk): UntrustedJwk => without(jwk, 'alg')
  const KEYS: Readonly<Record<string, readonly [UntrustedJwk, readonly string[]]>> = {
    'an RSA key': [bare(R1), ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    'a key of P-256': [bare(EC1), ['ES256']],
    'a key of P-384': [bare(P384), ['ES384']],
    'a key of P-521': [bare(P521), ['ES512']],
    'a key of Ed25519': [bare(ED1), ['EdDSA', 'Ed25519']],
    'a key that names its algorithm': [R1, ['RS256']],
    'a key without members': [{}, []],
  }
  const ALGS = [...CONTRACT.algorithms.allowable, 'HS256', 'none', '', 'toString', '__proto__']

  test.each(Object.entries(KEYS))('%s', (_situation, [jwk, fitting]) => {
    expect(ALGS.filter((alg) => isKeyUsableFor(jwk, alg))).toEqual(fitting)
  })

  test('every allowable algorithm has a key type', () => {
    expect(CONTRACT.algorithms.allowable.length).toBeGreaterThan(0)
    for (const alg of CONTRACT.algorithms.allowable)
      expect(Object.values(KEYS).some(([jwk]) => isKeyUsableFor(jwk, alg))).toBe(true)
  })
})
