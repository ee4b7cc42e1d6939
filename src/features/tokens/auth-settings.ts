import type { AuthContract, AuthSettings } from '../../core/auth/contract.ts'
import { readEnvironment } from '../../core/auth/environment.ts'
import type { Environment } from '../../core/auth/types.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { FfError } from '../../errors.ts'

/**
 * The environment of the settings: `prod`, or with FF_ENV=dev `dev+H` if dev headers are allowed, else `dev-H`.
 *
 * @throws FfError `setting_invalid` if FF_ALLOW_DEV_HEADERS is true and FF_ENV is not dev
 */
export function checkEnvironment(
  settings: Pick<SettingValues, 'FF_ENV' | 'FF_ALLOW_DEV_HEADERS'>,
): Environment {
  const environment = readEnvironment(settings)
  if (environment !== null) return environment
  throw new FfError(
    'setting_invalid',
    'FF_ALLOW_DEV_HEADERS=true accepts callers without a token, and FF_ENV is not dev.',
    { hint: 'Unset FF_ALLOW_DEV_HEADERS, or set FF_ENV=dev on a development machine.' },
  )
}

/**
 * The auth settings: each FF_JWT_* setting, or the value of the contract if it is not set. The leeway is in seconds.
 *
 * @param issuer default for FF_JWT_ISSUER; null if that setting is required
 * @throws FfError `setting_invalid` for a missing issuer, an algorithm that the contract forbids, an empty list of
 *   them, or a leeway above its maximum
 */
export function checkAuth(
  contract: AuthContract,
  settings: SettingValues,
  issuer: string | null,
): AuthSettings {
  const { FF_JWT_ISSUER, FF_JWT_AUDIENCE, FF_JWT_ALGORITHMS, FF_JWT_LEEWAY, FF_DEV_SCOPES } =
    settings
  return {
    contract,
    issuer: FF_JWT_ISSUER ?? issuer ?? throwMissingIssuer(),
    audience: FF_JWT_AUDIENCE ?? contract.claims.audience,
    algorithms:
      FF_JWT_ALGORITHMS === null
        ? contract.algorithms.default
        : checkAlgorithms(contract, FF_JWT_ALGORITHMS),
    leeway_s:
      FF_JWT_LEEWAY === null ? contract.claims.leeway_s : checkLeeway(contract, FF_JWT_LEEWAY),
    dev_scopes: FF_DEV_SCOPES,
    scope_claim: settings.FF_JWT_SCOPE_CLAIM,
  }
}

function throwMissingIssuer(): never {
  throw new FfError('setting_invalid', 'FF_JWT_ISSUER is not set, so no token can be verified.', {
    hint: 'Set FF_JWT_ISSUER to the iss claim of your tokens.',
  })
}

/**
 * Returns the names unchanged. @throws FfError `setting_invalid` if there is none, or one is not allowable by the
 * contract
 */
export function checkAlgorithms(
  { algorithms: { allowable } }: AuthContract,
  names: readonly string[],
): readonly string[] {
  const forbidden = names.filter((one) => !allowable.includes(one))
  if (names.length > 0 && forbidden.length === 0) return names
  throw new FfError(
    'setting_invalid',
    forbidden[0] === undefined
      ? 'The list of algorithms is empty.'
      : `The algorithm "${forbidden[0].slice(0, 120)}" is not allowed.`,
    {
      hint: `Name one or more of ${allowable.join(', ')}.`,
    },
  )
}

function checkLeeway({ claims: { max_leeway_s } }: AuthContract, seconds: number): number {
  if (seconds <= max_leeway_s) return seconds
  throw new FfError(
    'setting_invalid',
    `FF_JWT_LEEWAY is ${seconds}, above the maximum of ${max_leeway_s} seconds.`,
    {
      hint: `Set FF_JWT_LEEWAY to 0 to ${max_leeway_s} seconds.`,
    },
  )
}
