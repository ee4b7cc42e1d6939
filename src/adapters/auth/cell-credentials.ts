import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openAll } from '../../concurrency/open-all.ts'
import type { AuthSettings, KeyServerScript } from '../../core/auth/contract.ts'
import type { Credential } from '../../core/auth/types.ts'
import type { AuthMode } from '../../core/evaluate/types.ts'
import { type Instant, instantToMs } from '../../core/rows/instant.ts'
import { toPublicJwk } from '../../core/text/jwk.ts'
import { type JWK, signClaims } from '../jose/compact.ts'
import type { Authenticator } from '../../ports/auth.ts'
import { createAuthenticator } from './authenticator.ts'
import { NO_KEYS } from './key-source.ts'
import { openFixtureAuthenticator } from './test-authenticator.ts'

/** One credential per mode; `close` stops their key servers. */
export interface CellCredentials {
  readonly byMode: Readonly<
    Record<
      AuthMode,
      {
        readonly credential: Credential
        readonly authenticator: Authenticator
        /** The script from which another process opens an equal authenticator; null for a service without keys. */
        readonly script: KeyServerScript | null
      }
    >
  >
  close(): Promise<void>
}

/**
 * Makes one credential per auth mode for the user and tenant of the parity cells, each with its authenticator.
 * `verified` and `decode-only` share one token, valid for an hour after `now` and signed with the fixtures' key; their
 * key servers, which run until `close`, are up and refusing. `dev-headers` and `none` have no token and no keys.
 *
 * @param root folder of the package, which holds `vectors/jwt/keys.json`
 * @throws the system's error for that file or for listening; SyntaxError where the file is not JSON
 */
export async function openCellCredentials(
  root: string,
  settings: AuthSettings,
  now: Instant,
): Promise<CellCredentials> {
  const file = await readFile(join(root, 'vectors/jwt/keys.json'), 'utf8')
  const [key] = (JSON.parse(file) as { keys: [JWK] }).keys
  const claims = {
    iss: settings.issuer,
    aud: settings.audience,
    sub: 'U1001',
    tid: 'T-pty-pilot-01',
    exp: instantToMs(now) / 1000 + 3600,
  }
  const token = await signClaims(claims, key)
  const scripts = {
    up: { behaviour: 'up', keys: [toPublicJwk(key)] },
    down: { behaviour: 'refused', keys: [] },
  } as const
  const { value: authenticators, close } = await openAll((keep) =>
    Promise.all([
      keep(openFixtureAuthenticator(scripts.up, settings)),
      keep(openFixtureAuthenticator(scripts.down, settings)),
    ]),
  )
  const [up, down] = authenticators
  const without = createAuthenticator(NO_KEYS, settings)
  const dev_headers = { user_id: 'U1001', tenant_id: 'T-pty-pilot-01', scopes: [] }
  return {
    byMode: {
      verified: { credential: { token, dev_headers: null }, authenticator: up, script: scripts.up },
      'decode-only': {
        credential: { token, dev_headers: null },
        authenticator: down,
        script: scripts.down,
      },
      'dev-headers': {
        credential: { token: null, dev_headers },
        authenticator: without,
        script: null,
      },
      none: {
        credential: { token: null, dev_headers: null },
        authenticator: without,
        script: null,
      },
    },
    close,
  }
}
