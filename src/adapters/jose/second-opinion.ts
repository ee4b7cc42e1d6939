import { flattenedVerify, importJWK } from 'jose'
import type { JwsSignature, PublicJwk } from '../../core/signoff/types.ts'

/** Whether jose, which made none of it, takes the signature: asked of each before it is written down. */
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
    return false // jose throws for every signature that it does not take.
  }
}
