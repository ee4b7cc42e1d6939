import type { AuthContract, AuthSettings } from '../core/auth/contract.ts'
import { type EnvironmentFault, readEnvironment } from '../core/auth/environment.ts'
import { hasUserPart, jwksUrl } from '../core/auth/jwks-url.ts'
import type { Environment } from '../core/auth/types.ts'
import { FfError } from '../errors.ts'

/** Settings that say who is let in, as they were given; null where one was not. */
export interface AuthTexts {
  readonly env: string | null
  readonly allow_dev_headers: string | null
  readonly jwks_url: string | null
  readonly issuer: string | null
  readonly audience: string | null
  readonly algorithms: string | null
  readonly leeway: string | null
  readonly dev_scopes: string | null
}

const FAULTS: Readonly<Record<EnvironmentFault, readonly [what: string, hint: string]>> = {
  switch_unreadable: ['FF_ALLOW_DEV_HEADERS is neither true nor false.', 'Set it to one of them.'],
  dev_headers_outside_dev: [
    'FF_ALLOW_DEV_HEADERS=true would let anybody in, and FF_ENV is not dev.',
    'Unset FF_ALLOW_DEV_HEADERS, or set FF_ENV=dev on a machine of your own.',
  ],
}

/** The start-up check (page 2): nothing is served, and no token judged, before it holds. @throws FfError `setting_invalid` */
export function checkEnvironment({ env, allow_dev_headers }: AuthTexts): Environment {
  const read = readEnvironment(env, allow_dev_headers)
  if (read.ok) return read.environment
  const [what, hint] = FAULTS[read.fault]
  throw new FfError('setting_invalid', what, { hint })
}

/** @throws FfError `secret_in_option` where the URL has a user or password, `setting_invalid` where no key may come from it */
export function checkJwksUrl(text: string | null): URL | null {
  if (text !== null && hasUserPart(text))
    throw new FfError('secret_in_option', 'The URL of the key server holds a user or a password.', {
      hint: 'Key sets are public: write the URL without them.',
    })
  const url = text === null ? null : jwksUrl(text)
  if (text === null || url !== null) return url
  throw new FfError('setting_invalid', 'The key server is not https, nor http on this machine.', {
    hint: 'Write a URL such as https://idp.example/.well-known/jwks.json, without user or password.',
  })
}

/** Settings over the contract. @throws FfError `setting_invalid` */
export function checkAuth(
  contract: AuthContract,
  { issuer, audience, algorithms, leeway, dev_scopes }: AuthTexts,
): AuthSettings {
  return {
    contract,
    issuer: issuer ?? missingIssuer(),
    audience: audience ?? contract.claims.audience,
    algorithms:
      algorithms === null
        ? contract.algorithms.default
        : checkAlgorithms(contract, words(algorithms)),
    leeway_s: leeway === null ? contract.claims.leeway_s : checkLeeway(contract, leeway),
    dev_scopes: words(dev_scopes ?? ''),
  }
}

const words = (text: string): readonly string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

function missingIssuer(): never {
  throw new FfError('setting_invalid', 'FF_JWT_ISSUER is not set, so no token could be judged.', {
    hint: 'Set it to the iss of your tokens.',
  })
}

/** An allow-list that is not empty and holds asymmetric algorithms alone. @throws FfError `setting_invalid` */
export function checkAlgorithms(
  { algorithms: { allowable } }: AuthContract,
  named: readonly string[],
): readonly string[] {
  const strange = named.filter((one) => !allowable.includes(one))
  if (named.length > 0 && strange.length === 0) return named
  throw new FfError('setting_invalid', 'The allow-list of algorithms cannot be used.', {
    hint: `Name one or more of ${allowable.join(', ')}.`,
  })
}

function checkLeeway({ claims: { max_leeway_s } }: AuthContract, text: string): number {
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= max_leeway_s) return seconds
  throw new FfError(
    'setting_invalid',
    'FF_JWT_LEEWAY is no number of seconds that clocks may differ by.',
    {
      hint: `Give 0 to ${max_leeway_s}.`,
    },
  )
}
