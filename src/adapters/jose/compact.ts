import { constants, KeyObject, verify } from 'node:crypto'
import {
  calculateJwkThumbprint,
  CompactSign,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose'

export type { JWK } from 'jose'
/** An imported public key. */
export interface VerificationKey {
  readonly object: KeyObject
  /** Required signature length in bytes for RSA; null for schemes that check it themselves. */
  readonly signatureBytes: number | null
}

/**
 * Imports a public JWK for an algorithm, with the length in bytes that its signatures must have (null unless RSA).
 * Null for a symmetric key and for every key that jose refuses, such as a point that is not on its curve. Never
 * rejects.
 */
export async function importKey(jwk: object, alg: string): Promise<VerificationKey | null> {
  try {
    const key = await importJWK({ ...jwk, alg, key_ops: ['verify'] } as JWK, alg)
    return key instanceof Uint8Array ? null : toKey(KeyObject.from(key))
  } catch {
    return null // jose throws for every invalid key.
  }
}

function toKey(object: KeyObject): VerificationKey {
  const bits = object.asymmetricKeyDetails?.modulusLength
  return { object, signatureBytes: bits === undefined ? null : Math.ceil(bits / 8) }
}

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants
const PKCS1 = { padding: RSA_PKCS1_PADDING }
const PSS = { padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST }
const ECDSA = { dsaEncoding: 'ieee-p1363' } as const
/** Hash and scheme of each algorithm (RFC 7518, 3.3 to 3.5; RFC 8037, 3.1; RFC 9864, 2.2). */
const SCHEMES = {
  RS256: ['sha256', PKCS1],
  RS384: ['sha384', PKCS1],
  RS512: ['sha512', PKCS1],
  PS256: ['sha256', PSS],
  PS384: ['sha384', PSS],
  PS512: ['sha512', PSS],
  ES256: ['sha256', ECDSA],
  ES384: ['sha384', ECDSA],
  ES512: ['sha512', ECDSA],
  EdDSA: [null, {}],
  Ed25519: [null, {}],
} as const satisfies Readonly<Record<string, readonly [hash: string | null, scheme: object]>>
/** JWS algorithms that `verifySignatureBytes` supports. */
export type Algorithm = keyof typeof SCHEMES

/**
 * Whether the signature of a compact JWS is valid (RFC 7515, 5.2); false for an RSA signature that is not as long as
 * the modulus (RFC 8017, 8.1.2). Calls node:crypto directly, because the way through WebCrypto's threads, which jose
 * takes, costs more than the check itself.
 * @param token three segments of canonical base64url
 */
export function verifySignatureBytes(
  token: string,
  { object, signatureBytes }: VerificationKey,
  algorithm: Algorithm,
): boolean {
  const dot = token.lastIndexOf('.')
  const [hash, scheme] = SCHEMES[algorithm]
  const input = Buffer.from(token.slice(0, dot), 'latin1')
  const signature = Buffer.from(token.slice(dot + 1), 'base64url')
  // RFC 8017, 8.1.2: as long as the modulus. OpenSSL accepts a PSS signature without its leading zero.
  if (signatureBytes !== null && signature.length !== signatureBytes) return false
  return verify(hash, input, { key: object, ...scheme }, signature)
}

/**
 * Generates an Ed25519 key pair as a private JWK with `alg` EdDSA, `use` sig, and its thumbprint (RFC 7638) as `kid`.
 */
export async function generateSigningKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const jwk = await exportJWK(privateKey)
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'EdDSA', use: 'sig' }
}

/**
 * Signs claims as a compact JWS of type `at+jwt`, for test and development credentials. Header `alg` and `kid` are
 * those of the JWK, else RS256 and ''. Adds no claim.
 *
 * @throws the error of jose for an unusable key
 */
export async function signClaims(claims: object, jwk: JWK): Promise<string> {
  const { alg = 'RS256', kid = '' } = jwk
  const payload = new TextEncoder().encode(JSON.stringify(claims))
  return new CompactSign(payload)
    .setProtectedHeader({ alg, kid, typ: 'at+jwt' })
    .sign(await importJWK(jwk, alg))
}
