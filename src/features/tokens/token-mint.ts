import { isScopeId } from '../../core/rows/grammar.ts'
import { type Instant, instantToMs } from '../../core/rows/instant.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { loadAuth } from './jwks-check.ts'
import { checkEnvironment } from './auth-settings.ts'

const LIFETIME_S = 3_600

/** Input of `ff token mint`. */
export interface MintRequest {
  /** The package folder. */
  readonly root: string
  readonly settings: SettingValues
  readonly adapters: Adapters
  readonly user: string
  readonly tenant: string
  /** Separated by commas. */
  readonly scopes: string
  readonly now: Instant
}

/**
 * Mints a token for one developer, valid for one hour, with the settings of a service that accepts it. Its key server
 * runs on loopback until `close`.
 *
 * @returns five `NAME=value` lines: four settings and `TOKEN`
 * @throws FfError `setting_invalid` unless FF_ENV is dev (any local user can mint such a token), `option_invalid` for
 *   a bad user or tenant id, `artefact_invalid` for a bad contract or fixtures; also errors of the key server
 */
export async function mintToken(
  request: MintRequest,
): Promise<{ readonly lines: readonly string[]; close(): Promise<void> }> {
  const { root, settings, adapters, user, tenant, scopes, now } = request
  if (checkEnvironment(settings) === 'prod')
    throw new FfError('setting_invalid', 'Cannot mint a dev token: FF_ENV is not dev.', {
      hint: 'Set FF_ENV=dev on a development machine.',
    })
  for (const id of [user, tenant]) {
    if (!isScopeId(id))
      throw new FfError(
        'option_invalid',
        `"${id.slice(0, 120)}" is not a valid user or tenant id.`,
        {
          hint: 'Use at most 128 letters, digits, . _ @ and -, the first a letter or digit.',
        },
      )
  }
  const { notes } = await loadAuth(root)
  const { FF_JWT_ISSUER } = settings
  const audience = settings.FF_JWT_AUDIENCE ?? notes.claims.audience
  const seconds = Math.floor(instantToMs(now) / 1000)
  const issuer = await adapters.openDevIssuer({
    aud: audience,
    sub: user,
    tid: tenant,
    scope: scopes.split(',').join(' '),
    iat: seconds,
    nbf: seconds,
    exp: seconds + LIFETIME_S,
    ...(FF_JWT_ISSUER === null ? {} : { iss: FF_JWT_ISSUER }),
  })
  const lines = [
    `FF_JWKS_URL=${issuer.jwks_url}`,
    `FF_JWT_ISSUER=${FF_JWT_ISSUER ?? issuer.origin}`,
    `FF_JWT_AUDIENCE=${audience}`,
    'FF_JWT_ALGORITHMS=EdDSA',
    `TOKEN=${issuer.token}`,
  ]
  return { lines, close: () => issuer.close() }
}
