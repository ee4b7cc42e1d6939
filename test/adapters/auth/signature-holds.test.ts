import { constants, createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  type Algorithm,
  importKey,
  type VerificationKey,
  verifySignatureBytes,
} from '../../../src/adapters/jose/compact.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { encoded } from './signed.ts'

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PAIRS: Readonly<Record<string, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  RS: RSA,
  PS: RSA,
  ES256: ec('P-256'),
  ES384: ec('P-384'),
  ES512: ec('P-521'),
  EdDSA: generateKeyPairSync('ed25519'),
  Ed25519: generateKeyPairSync('ed25519'),
}
const toPair = (alg: string) => {
  const pair = PAIRS[alg] ?? PAIRS[alg.slice(0, 2)]
  if (pair === undefined) throw new Error(`no key for ${alg}`)
  return pair
}
const ALGORITHMS = CONTRACT.algorithms.allowable as readonly Algorithm[]

/** A token signed as RFC 7518 requires, except for the given changes. */
function token(
  alg: string,
  changes: { hash?: string; padding?: number; saltLength?: number } = {},
) {
  const input = `${encoded(JSON.stringify({ alg }))}.${encoded('{}')}`
  const scheme = alg.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {}
  const key = { key: toPair(alg).privateKey, dsaEncoding: 'ieee-p1363' as const }
  const { hash = alg.startsWith('Ed') ? null : `sha${alg.slice(2)}`, ...rest } = changes
  return `${input}.${encoded(sign(hash, Buffer.from(input), { ...key, ...scheme, ...rest }))}`
}
async function getKey(alg: string): Promise<VerificationKey> {
  const key = await importKey(toPair(alg).publicKey.export({ format: 'jwk' }), alg)
  if (key === null) throw new Error(`no key for ${alg}`)
  return key
}

describe('verifySignatureBytes', () => {
  test.each(ALGORITHMS)('%s: the signed bytes, and no others', async (alg) => {
    const key = await getKey(alg)
    const text = token(alg)
    const [head = '', body = '', signature = ''] = text.split('.')
    expect(verifySignatureBytes(text, key, alg)).toBe(true)
    expect(verifySignatureBytes(`${head}.${encoded('{"a":1}')}.${signature}`, key, alg)).toBe(false)
    expect(verifySignatureBytes(`${encoded('{}')}.${body}.${signature}`, key, alg)).toBe(false)
    expect(verifySignatureBytes(`${head}.${body}${signature}.`, key, alg)).toBe(false)
    const bytes = Buffer.from(signature, 'base64url')
    for (let at = 0; at < bytes.length; at += 7) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      expect(verifySignatureBytes(`${head}.${body}.${encoded(flipped)}`, key, alg)).toBe(false)
    }
  })

  test.each(ALGORITHMS)('%s: a signature of any length is an answer', async (alg) => {
    const key = await getKey(alg)
    const [head, body, signature = ''] = token(alg).split('.')
    const bytes = Buffer.from(signature, 'base64url')
    const of = (data: Buffer): boolean =>
      verifySignatureBytes(`${head}.${body}.${encoded(data)}`, key, alg)
    for (let length = 0; length <= bytes.length + 2; length += 1) {
      expect(of(Buffer.alloc(length))).toBe(false)
      expect(of(Buffer.alloc(length, 255))).toBe(false)
      if (length < bytes.length) expect(of(bytes.subarray(0, length))).toBe(false)
    }
    expect(of(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe(false)
    expect(of(Buffer.concat([Buffer.alloc(1), bytes]))).toBe(false)
    expect(of(Buffer.alloc(6_000, 1))).toBe(false)
  })

  test.each(['RS256', 'PS256'] as const)('%s is not signed with another hash', async (alg) => {
    const key = await getKey(alg)
    for (const hash of ['sha1', 'sha384', 'sha512'])
      expect(verifySignatureBytes(token(alg, { hash }), key, alg)).toBe(false)
  })

  test('a key does not verify another algorithm', async () => {
    expect(verifySignatureBytes(token('RS256'), await getKey('PS256'), 'PS256')).toBe(false)
    expect(verifySignatureBytes(token('PS256'), await getKey('RS256'), 'RS256')).toBe(false)
    expect(verifySignatureBytes(token('RS256'), await getKey('RS512'), 'RS512')).toBe(false)
  })

  test('a salt is as long as the hash', async () => {
    // RFC 7518, 3.5.
    for (const saltLength of [0, 20, 31, 33])
      expect(
        verifySignatureBytes(token('PS256', { saltLength }), await getKey('PS256'), 'PS256'),
      ).toBe(false)
    expect(
      verifySignatureBytes(token('PS256', { saltLength: 32 }), await getKey('PS256'), 'PS256'),
    ).toBe(true)
  })

  test('a signature in ASN.1 is none', async () => {
    const input = `${encoded('{"alg":"ES256"}')}.${encoded('{}')}`
    const der = sign('sha256', Buffer.from(input), toPair('ES256').privateKey)
    expect(verifySignatureBytes(`${input}.${encoded(der)}`, await getKey('ES256'), 'ES256')).toBe(
      false,
    )
  })

  test('a digest is not signed in place of its text', async () => {
    const input = `${encoded('{"alg":"EdDSA"}')}.${encoded('{}')}`
    const digest = createHash('sha512').update(input).digest()
    const signature = sign(null, digest, toPair('EdDSA').privateKey)
    const key = await getKey('EdDSA')
    expect(verifySignatureBytes(`${input}.${encoded(signature)}`, key, 'EdDSA')).toBe(false)
  })
})

describe('importKey', () => {
  const jwk = RSA.publicKey.export({ format: 'jwk' })
  test.each<[string, object, string]>([
    [
      'a point that is on no curve',
      { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) },
      'ES256',
    ],
    ['nothing', {}, 'RS256'],
    ['a secret', { kty: 'oct', k: 'c2VjcmV0' }, 'HS256'],
    ['a secret of another algorithm', { kty: 'oct', k: 'c2VjcmV0' }, 'RS256'],
    ['an unknown algorithm', jwk, 'XS256'],
    ['a key of another type', jwk, 'ES256'],
  ])('null: %s', async (_situation, given, alg) => {
    expect(await importKey(given, alg)).toBeNull()
  })

  test.each<[string, object]>([
    ['a use and operations of its own', { use: 'sig', key_ops: ['sign', 'verify'] }],
    ['an operation twice', { key_ops: ['verify', 'verify'] }],
    ['ext false', { ext: false }],
    ['a certificate that is none', { x5c: ['AAAA'], x5t: 1 }],
  ])('a key with %s', async (_situation, members) => {
    expect(await importKey({ ...jwk, ...members }, 'RS256')).not.toBeNull()
  })
})
