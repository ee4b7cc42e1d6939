import { toPublicJwk } from '../../core/text/jwk.ts'
import { generateSigningKey, signClaims } from '../jose/compact.ts'
import type { DevIssuer } from '../../ports/auth.ts'
import { LoopbackJwks } from './loopback-jwks.ts'

/**
 * Starts an issuer for local development: generates an Ed25519 key that is never stored, serves it on a free port of
 * 127.0.0.1, and signs the claims with it. Returns the server's origin, the URL of its key set, and the token, a
 * compact JWS; `iss` is the origin unless the claims set it, and no other claim is added. `close` stops the server.
 * @throws the system's error if it cannot listen
 */
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
