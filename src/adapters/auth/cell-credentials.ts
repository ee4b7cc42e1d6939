import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openAll } from '../../concurrency/open-all.ts'
import type { AuthSettings, KeyServerScript } from '../../core/auth/contract.ts'
import { type Instant, instantToMs } from '../../core/rows/instant.ts'
import { toPublicJwk } from '../../core/text/jwk.ts'
import { type JWK, signClaims } from '../jose/compact.ts'
import type {
  AuthenticatorWithScript,
  CredentialsByKeys,
  OpenAuthenticator,
} from '../../ports/auth.ts'
import { createAuthenticator } from './authenticator.ts'
import { NO_KEYS } from './key-source.ts'
import { openFixtureAuthenticator, openScriptedAuthenticator } from './test-authenticator.ts'

/**
 * Makes one credential per auth mode for the user and tenant of the parity cells, each with its authenticator and the
 * script of its key server (null without one): `byKeys.fresh` and `byKeys.stale`, each by mode. `verified` and
 * `decode-only` share one token, valid until an hour after `now` and signed with the fixtures' key; with fresh keys
 * their key servers are up and refusing. `dev-headers` and `none` have no token, and no keys while they are fresh.
 * With stale keys the key server of every mode is gone: its key set is too old for sensitive flags, and for
 * `decode-only` too old for any use. `close` stops the key servers.
 * @param root folder of the package, which holds `vectors/jwt/keys.json`
 * @throws the system's error for that file or for listening; SyntaxError where the file is not JSON
 */
export async function openCellCredentials(
  root: string,
  settings: AuthSettings,
  now: Instant,
): Promise<{ readonly byKeys: CredentialsByKeys; close(): Promise<void> }> {
  const file = await readFile(join(root, 'vectors/jwt/keys.json'), 'utf8')
  const [key] = (JSON.parse(file) as { keys: [JWK] }).keys
  const claims = {
    iss: settings.issuer,
    aud: settings.audience,
    sub: 'U1001',
    tid: 'T-pty-pilot-01',
    exp: instantToMs(now) / 1000 + 3600,
  }
  const { value, close } = await openServices(key, settings)
  const without = { authenticator: createAuthenticator(NO_KEYS, settings), script: null }
  const bearer = { token: await signClaims(claims, key), dev_headers: null }
  const headers = {
    token: null,
    dev_headers: { user_id: 'U1001', tenant_id: 'T-pty-pilot-01', scopes: [] },
  }
  const anonymous = { token: null, dev_headers: null }
  return {
    byKeys: {
      fresh: {
        verified: { credential: bearer, ...value.up },
        'decode-only': { credential: bearer, ...value.down },
        'dev-headers': { credential: headers, ...without },
        none: { credential: anonymous, ...without },
      },
      stale: {
        verified: { credential: bearer, ...value.stale },
        'decode-only': { credential: bearer, ...value.spent },
        'dev-headers': { credential: headers, ...value.stale },
        none: { credential: anonymous, ...value.stale },
      },
    },
    close,
  }
}

/** Opens an authenticator for each state of a key set: `up`, `down`, `stale`, and `spent`, which is too old for any use. */
function openServices(key: JWK, settings: AuthSettings) {
  const { sensitive_max_age_s, last_known_good_s } = settings.contract.client
  const up = { behaviour: 'up', keys: [toPublicJwk(key)] } as const
  const down = { behaviour: 'refused', keys: [] } as const
  const gone = (elapsed_s: number) => ({ ...down, before: { ...up, elapsed_s } })
  const scripts = {
    up,
    down,
    stale: gone(sensitive_max_age_s + 1),
    spent: gone(last_known_good_s + 1),
  } as const
  return openAll(async (keep) => {
    const open = async (
      script: KeyServerScript,
      opened: Promise<OpenAuthenticator>,
    ): Promise<AuthenticatorWithScript> => ({ script, authenticator: await keep(opened) })
    return {
      up: await open(up, openFixtureAuthenticator(up, settings)),
      down: await open(down, openFixtureAuthenticator(down, settings)),
      stale: await open(scripts.stale, openScriptedAuthenticator(scripts.stale, settings)),
      spent: await open(scripts.spent, openScriptedAuthenticator(scripts.spent, settings)),
    }
  })
}
