import type { Environment } from '../../core/auth/types.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'

/** What a service starts from. */
export interface ServeRequest {
  /** The package folder. */
  readonly root: string
  readonly adapters: Adapters
  readonly settings: SettingValues
  readonly now: () => Date
  readonly log: ServiceLog
}

const STORE_HINT =
  'Make a file store and name its folder, for example with `ff store init ./store && export FF_STORE_DIR=./store`.'
/** Host names and addresses of the loopback interface. */
export const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/**
 * The store to serve, in a cutover the database; opens nothing. `FF_DATABASE_URL` counts only with `FF_BACKING=db` and
 * `managed`.
 *
 * @returns null for the sample: no `FF_STORE_DIR`, `FF_BACKING` or `FF_ENV`, and on loopback only
 * @throws FfError `setting_invalid` for `FF_ENV` or `FF_BACKING` without a store, for the sample or dev headers off
 * loopback, or for a store in production without a digest key, or with Redis and without a cache key; `target_invalid`
 * for
 * `db` and `managed` without a URL
 */
export function planServe(settings: SettingValues, environment: Environment): TargetSpec | null {
  const store = requireStore(settings)
  const { FF_LISTEN, FF_AUDIT_DIGEST_KEY_FILE } = settings
  if (store === null && !LOOPBACK.test(FF_LISTEN.host))
    throw makeSettingError(
      `FF_STORE_DIR is not set, and FF_LISTEN names the host ${quoteValue(FF_LISTEN.host)}: the sample is served on a loopback address only.`,
      STORE_HINT,
    )
  // Unverified callers are accepted from this machine only.
  if (environment === 'dev+H' && !LOOPBACK.test(FF_LISTEN.host))
    throw makeSettingError(
      `FF_ALLOW_DEV_HEADERS accepts callers without a token, and FF_LISTEN names the host ${quoteValue(FF_LISTEN.host)}: the two go together on a loopback address only.`,
      'Run `export FF_LISTEN=127.0.0.1:8420`, or `unset FF_ALLOW_DEV_HEADERS`.',
    )
  if (store !== null && environment === 'prod' && FF_AUDIT_DIGEST_KEY_FILE === null)
    throw makeSettingError(
      'FF_AUDIT_DIGEST_KEY_FILE is not set: in production, audit records hold digests of sensitive values under a key that is kept.',
      'Run `openssl rand -out digest.key 32 && chmod 600 digest.key && export FF_AUDIT_DIGEST_KEY_FILE=digest.key`, and keep the key: another key gives other digests.',
    )
  requireCacheKey(settings, environment)
  return store
}

/** Without a key of one's own, a writer of Redis could forge rows and so decisions. */
function requireCacheKey(
  { FF_BACKING, FF_REDIS_URL, FF_CACHE_KEY_FILE }: SettingValues,
  environment: Environment,
): void {
  const isInDatabase = FF_BACKING === 'db' || FF_BACKING === 'managed'
  if (FF_REDIS_URL === null || !isInDatabase || environment !== 'prod') return
  if (FF_CACHE_KEY_FILE !== null) return
  throw makeSettingError(
    'FF_CACHE_KEY_FILE is not set, and FF_REDIS_URL is: in production, entries of Redis are signed with a key of your own.',
    'Run `openssl rand -out cache.key 32 && chmod 600 cache.key && export FF_CACHE_KEY_FILE=cache.key`, and give every instance the same key.',
  )
}

function requireStore(settings: SettingValues): TargetSpec | null {
  const { FF_BACKING, FF_ENV, FF_STORE_DIR } = settings
  if (FF_BACKING === 'db' || FF_BACKING === 'managed') return requireDatabase(settings)
  if (FF_STORE_DIR !== null) return { kind: 'file', folder: FF_STORE_DIR }
  // Either setting shows that a real store was meant, so the sample is not served.
  if (FF_BACKING === null && FF_ENV === null) return null
  throw makeSettingError(
    'FF_STORE_DIR is not set: with FF_ENV or FF_BACKING set, the service needs a store and does not serve the sample.',
    STORE_HINT,
  )
}

function requireDatabase({ FF_BACKING, FF_DATABASE_URL }: SettingValues): TargetSpec {
  if (FF_DATABASE_URL !== null) return FF_DATABASE_URL
  throw new FfError(
    'target_invalid',
    `FF_BACKING is ${FF_BACKING}, and FF_DATABASE_URL is not set.`,
    {
      hint: 'Name the database as the role of the service, for example with `export PGUSER=ff_service FF_DATABASE_URL=postgres://127.0.0.1:5432/flags`.',
    },
  )
}

/** Makes, without throwing it, an FfError `setting_invalid` with this message and next step. */
export const makeSettingError = (message: string, hint: string): FfError =>
  new FfError('setting_invalid', message, { hint })
