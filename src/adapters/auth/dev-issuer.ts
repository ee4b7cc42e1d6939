import { toPublicJwk } from '../../core/text/jwk.ts'
import { generateSigningKey, signClaims } from '../jose/compact.ts'
import type { DevIssuer } from '../../ports/auth.ts'
import { LoopbackJwks } from './loopback-jwks.ts'

/** Starts an issuer for local development: a new key that is never stored, and its key server on loopback. */
export async function openDevIssuer(claims: Readonly<Record<string, unknown>>): Promise<DevIssuer> {
  const key = await generateSigningKey()
  const server = await LoopbackJwks.start({ behaviour: 'up', keys: [toPublicJwk(key)] })
  const token = await signClaims({ iss: server.origin, ...claims }, key)
  return {
    origin: server.origin,
    jwks_url: server.url.href,
    token,
    close: () => server.close(),
  }
}
