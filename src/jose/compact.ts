import {
  calculateJwkThumbprint,
  compactVerify,
  CompactSign,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose'

export type { JWK } from 'jose'
/** A key that jose has taken in; never shown. */
export type Key = CryptoKey | Uint8Array

/** Null where the members name no key: a point that is not on its curve, for one. */
export async function importKey(jwk: object, alg: string): Promise<Key | null> {
  try {
    return await importJWK({ ...jwk, alg, key_ops: ['verify'] } as JWK, alg)
  } catch {
    return null // Whatever the reason, it is no key for this algorithm.
  }
}

/** Whether the signature of a compact JWS holds under this key and algorithm (RFC 7515, 5.2). */
export async function signatureHolds(token: string, key: Key, algorithm: string): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] })
    return true
  } catch {
    return false // Whatever the reason, it is not a token that this key vouches for.
  }
}

/** An Ed25519 key, named by its thumbprint (RFC 7638). */
export async function makeSigningKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const jwk = await exportJWK(privateKey)
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'EdDSA', use: 'sig' }
}

/** What of a key may be published. */
export const publicPart = ({ kty, kid, alg, use, n, e, crv, x, y }: JWK): JWK =>
  JSON.parse(JSON.stringify({ kty, kid, alg, use, n, e, crv, x, y })) as JWK

/** Signs claims as a compact JWS. Only test credentials are ever signed here. */
export async function signClaims(claims: object, jwk: JWK): Promise<string> {
  const { alg = 'RS256', kid = '' } = jwk
  const payload = new TextEncoder().encode(JSON.stringify(claims))
  return new CompactSign(payload)
    .setProtectedHeader({ alg, kid, typ: 'at+jwt' })
    .sign(await importJWK(jwk, alg))
}
