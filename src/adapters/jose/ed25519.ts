import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import type { PublicJwk } from '../../core/signoff/types.ts'
import { thumbprintInput } from '../../core/text/jwk.ts'

/** The thumbprint of a public JWK (RFC 7638): SHA-256 in base64url, 43 characters. Does not check the key. */
export const computeThumbprint = (jwk: PublicJwk): string =>
  createHash('sha256').update(thumbprintInput(jwk)).digest('base64url')

/**
 * Whether a base64url Ed25519 signature (RFC 8032, 5.1.7) of the ASCII bytes of `input` is valid; false for an
 * invalid key.
 */
export function verifyEd25519(jwk: PublicJwk, input: string, signature: string): boolean {
  const key = importPublicKey(jwk)
  if (key === null) return false
  return verify(null, Buffer.from(input, 'latin1'), key, Buffer.from(signature, 'base64url'))
}

/**
 * Whether node:crypto imports a key, and it is neither of small order, under which signatures can be forged, nor a
 * non-canonical encoding of its point.
 */
export const isSoundKey = (jwk: PublicJwk): boolean =>
  importPublicKey(jwk) !== null && !isSmallOrderPoint(Buffer.from(jwk.x, 'base64url'))

/**
 * Imports a public Ed25519 JWK; null for one that node:crypto refuses. Does not refuse a key of small order: see
 * `isSoundKey`.
 */
export function importPublicKey(jwk: PublicJwk): KeyObject | null {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    return null // node:crypto throws for every invalid key.
  }
}

/** Generates an Ed25519 key: the public JWK, and the private key as PKCS#8 DER (RFC 8410). */
export function makeKeyPair(): { readonly jwk: PublicJwk; readonly pkcs8: Buffer } {
  const { privateKey, publicKey: shown } = generateKeyPairSync('ed25519')
  const { x = '' } = shown.export({ format: 'jwk' })
  return {
    jwk: { kty: 'OKP', crv: 'Ed25519', x },
    pkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }),
  }
}

/**
 * Signs bytes with a private Ed25519 key (PKCS#8 DER).
 *
 * @returns 64 bytes
 * @throws the error of node:crypto for a malformed key
 */
export const signBytes = (pkcs8: Buffer, bytes: Uint8Array): Uint8Array =>
  sign(null, bytes, createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))

const P = 2n ** 255n - 19n

/** The y coordinates of all Ed25519 points of order 1, 2, 4 and 8 (RFC 8032, 5.1). */
const SMALL: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
])

/**
 * Whether a public key has small order, so that signatures can be made without the private key, or is a non-canonical
 * encoding of its point.
 *
 * @param x the 32 bytes of the key, little-endian
 */
export function isSmallOrderPoint(x: Uint8Array): boolean {
  const hex = Buffer.from(x.toReversed()).toString('hex')
  const y = BigInt(`0x${hex}`) & ((1n << 255n) - 1n)
  return y >= P || SMALL.has(y)
}
