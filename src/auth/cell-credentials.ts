import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Credential } from '../core/auth/types.ts'
import type { AuthMode } from '../core/evaluate/types.ts'
import { type Instant, toMilliseconds } from '../core/state/instant.ts'
import { type JWK, signClaims } from '../jose/compact.ts'
import { type KeySource, KeySetVerifier } from './token-verifier.ts'

interface Expected {
  readonly issuer: string
  readonly audience: string
  readonly fixtures: readonly { readonly jwks: { readonly keys: readonly JWK[] } }[]
}
type Made = Readonly<
  Record<AuthMode, { readonly credential: Credential; readonly verifier: KeySetVerifier }>
>

/**
 * A credential of each mode for the user and tenant of the cells, signed with the fixtures' own key and
 * verified with the public keys that the fixtures hold.
 */
export async function cellCredentials(
  root: string,
  expected: Expected,
  now: Instant,
): Promise<Made> {
  const file = await readFile(join(root, 'vectors/jwt/keys.json'), 'utf8')
  const [key] = (JSON.parse(file) as { keys: JWK[] }).keys
  const seconds = toMilliseconds(now) / 1000
  const claims = {
    iss: expected.issuer,
    aud: expected.audience,
    sub: 'U1001',
    tid: 'T-pty-pilot-01',
    exp: seconds + 3600,
  }
  const token = await signClaims(claims, key as JWK)
  const keys = expected.fixtures.flatMap(({ jwks }) => jwks.keys)
  const up: KeySource = () => Promise.resolve({ status: 'up', keys })
  const down: KeySource = () => Promise.resolve({ status: 'unreachable' })
  const made = (credential: Partial<Credential>, source: KeySource): Made[AuthMode] => ({
    credential: { token: null, dev_headers: null, ...credential },
    verifier: new KeySetVerifier(source, expected),
  })
  return {
    verified: made({ token }, up),
    'decode-only': made({ token }, down),
    'dev-headers': made(
      { dev_headers: { user_id: 'U1001', tenant_id: 'T-pty-pilot-01', scopes: [] } },
      up,
    ),
    none: made({}, up),
  }
}
