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

/** RFC 7638: SHA-256, base64url. */
export const computeThumbprint = (jwk: PublicJwk): string =>
  createHash('sha256').update(thumbprintInput(jwk)).digest('base64url')

/** Whether an Ed25519 signature (RFC 8032, 5.1.7) holds over the ASCII bytes of `input`. */
export function verifyEd25519(jwk: PublicJwk, input: string, signature: string): boolean {
  const key = importPublicKey(jwk)
  if (key === null) return false
  return verify(null, Buffer.from(input, 'latin1'), key, Buffer.from(signature, 'base64url'))
}

/** Not a point of small order, under which anybody can sign, and a point at all. */
export const isSoundKey = (jwk: PublicJwk): boolean =>
  importPublicKey(jwk) !== null && !isSmallOrderPoint(Buffer.from(jwk.x, 'base64url'))

export function importPublicKey(jwk: PublicJwk): KeyObject | null {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    return null // Whatever the reason, it is no key.
  }
}

/** A new key: what may be shown, and the private half as PKCS#8 (RFC 8410). */
export function makeKeyPair(): { readonly jwk: PublicJwk; readonly pkcs8: Buffer } {
  const { privateKey, publicKey: shown } = generateKeyPairSync('ed25519')
  const { x = '' } = shown.export({ format: 'jwk' })
  return {
    jwk: { kty: 'OKP', crv: 'Ed25519', x },
    pkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }),
  }
}

/** Signs bytes with a private key (PKCS#8). */
export const signBytes = (pkcs8: Buffer, bytes: Uint8Array): Uint8Array =>
  sign(null, bytes, createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))

const P = 2n ** 255n - 19n

/** The ordinates of all points of order 1, 2, 4 and 8 of Ed25519 (RFC 8032, 5.1); their signs do not matter. */
const SMALL: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
])

/**
 * A public key under which signatures can be made without a private one, or an encoding that is not the one
 * of its point: what an exponent of 1 is to RSA.
 *
 * @param x the 32 bytes of the key, least significant first
 */
export function isSmallOrderPoint(x: Uint8Array): boolean {
  const hex = Buffer.from(x.toReversed()).toString('hex')
  const y = BigInt(`0x${hex}`) & ((1n << 255n) - 1n)
  return y >= P || SMALL.has(y)
}
