import { flattenedVerify, importJWK } from 'jose'
import type { JwsSignature, PublicJwk } from '../../core/signoff/types.ts'

/**
 * Whether jose accepts a sign-off signature (flattened JWS, Ed25519, `ff` as the only known `crit` member): a check
 * before it is stored, independent of the code that made it. False for every failure; never rejects.
 */
export async function isAcceptedByJose(
  jwk: PublicJwk,
  payload: string,
  signature: JwsSignature,
): Promise<boolean> {
  try {
    const key = await importJWK({ ...jwk }, 'Ed25519')
    const options = { algorithms: ['Ed25519'], crit: { ff: true } }
    await flattenedVerify({ payload, ...signature }, key, options)
    return true
  } catch {
    return false // jose throws for every invalid signature.
  }
}
