import { compactVerify, CompactSign, type CryptoKey, importJWK, type JWK } from 'jose'

export type { JWK } from 'jose'
/** A key that jose has taken in; never shown. */
export type Key = CryptoKey | Uint8Array

export const importKey = (jwk: JWK): Promise<Key> => importJWK(jwk, jwk.alg)

/** Whether the signature of a compact JWS holds under this key and algorithm (RFC 7515, 5.2). */
export async function signatureHolds(token: string, key: Key, algorithm: string): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] })
    return true
  } catch {
    return false // Whatever the reason, it is not a token that this key vouches for.
  }
}

/** Signs claims as a compact JWS. Only test credentials are ever signed here. */
export async function signClaims(claims: object, jwk: JWK): Promise<string> {
  const { alg = 'RS256', kid = '' } = jwk
  const payload = new TextEncoder().encode(JSON.stringify(claims))
  return new CompactSign(payload)
    .setProtectedHeader({ alg, kid, typ: 'at+jwt' })
    .sign(await importKey(jwk))
}
