import type { Environment } from '../../core/auth/types.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { FfError } from '../../errors.ts'

const STORE_HINT = 'Set it to the folder of the file store.'
export const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/**
 * The store that is served, once what is set goes together.
 *
 * @returns null where no store was named: then a sample is served, from a folder that goes with the service
 * @throws FfError `setting_invalid`, `target_invalid`
 */
export function planServe(settings: SettingValues, environment: Environment): TargetSpec | null {
  const store = requireStore(settings)
  const { FF_LISTEN, FF_AUDIT_DIGEST_KEY_FILE } = settings
  if (store === null && !LOOPBACK.test(FF_LISTEN.host))
    throw makeSettingError(
      'FF_STORE_DIR is not set, and a sample is for this machine alone.',
      STORE_HINT,
    )
  // Callers that are let in unverified are let in from this machine alone.
  if (environment === 'dev+H' && !LOOPBACK.test(FF_LISTEN.host))
    throw makeSettingError(
      `FF_ALLOW_DEV_HEADERS lets anybody in, and ${FF_LISTEN.host} is not this machine alone.`,
      'Set FF_LISTEN to 127.0.0.1, or unset FF_ALLOW_DEV_HEADERS.',
    )
  if (store !== null && environment === 'prod' && FF_AUDIT_DIGEST_KEY_FILE === null)
    throw makeSettingError(
      'FF_AUDIT_DIGEST_KEY_FILE is not set, and audit records hold digests of sensitive values.',
      'Make one with `openssl rand -out digest.key 32`, and keep it: digests of another key differ.',
    )
  return store
}

function requireStore(settings: SettingValues): TargetSpec | null {
  const { FF_BACKING, FF_ENV, FF_STORE_DIR } = settings
  if (FF_BACKING === 'db') return requireDatabase(settings)
  if (FF_STORE_DIR !== null) return { kind: 'file', folder: FF_STORE_DIR }
  // A sample must never be served to those who meant a store of their own.
  if (FF_BACKING === null && FF_ENV === null) return null
  throw makeSettingError('FF_STORE_DIR is not set.', STORE_HINT)
}

function requireDatabase({ FF_DATABASE_URL }: SettingValues): TargetSpec {
  if (FF_DATABASE_URL !== null) return FF_DATABASE_URL
  throw new FfError('target_invalid', 'FF_BACKING is db, and FF_DATABASE_URL is not set.', {
    hint: "Set it to the connection string of the service's own role.",
  })
}

export const makeSettingError = (message: string, hint: string): FfError =>
  new FfError('setting_invalid', message, { hint })
