import { flattenedVerify, importJWK } from 'jose'
import type { JwsSignature, PublicJwk } from '../../core/signoff/types.ts'

/** Verifies a sign-off signature with jose, independently of the code that made it, before it is stored. */
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
