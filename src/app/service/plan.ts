import type { TargetSpec } from '../../core/parity/target.ts'
import type { Environment } from '../../core/auth/types.ts'
import { FfError } from '../../errors.ts'
import type { ListenAt } from '../../ports.ts'

/** Settings that say what is served and where, as they were given; null where one was not. */
export interface ServeTexts {
  readonly env: string | null
  readonly backing: string | null
  readonly store_dir: string | null
  readonly listen: string | null
  readonly admin_listen: string | null
  readonly digest_key_file: string | null
}
/** What a service is started with. */
export interface ServePlan {
  /** Null where nobody named a store: then a sample is served, from a folder that goes with the service. */
  readonly store: TargetSpec | null
  readonly listen: ListenAt
  readonly admin_listen: ListenAt | null
  readonly digest_key_file: string | null
}

export const DEFAULT_LISTEN: ListenAt = { host: '127.0.0.1', port: 8420 }
const STORE_HINT = 'Set it to the folder of the file store.'
export const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/** @param database what `FF_DATABASE_URL` names @throws FfError `setting_invalid`, `target_invalid` */
export function planServe(
  texts: ServeTexts,
  environment: Environment,
  database: () => TargetSpec,
): ServePlan {
  const store = storeOf(texts, database)
  const listen = listenAt('FF_LISTEN', texts.listen) ?? DEFAULT_LISTEN
  const admin_listen = listenAt('FF_ADMIN_LISTEN', texts.admin_listen)
  if (store === null && !LOOPBACK.test(listen.host))
    throw invalid('FF_STORE_DIR is not set, and a sample is for this machine alone.', STORE_HINT)
  // Whoever is let in unverified is let in from this machine alone (page 2, containment).
  if (environment === 'dev+H' && !LOOPBACK.test(listen.host))
    throw invalid(
      `FF_ALLOW_DEV_HEADERS lets anybody in, and ${listen.host} is not this machine alone.`,
      'Set FF_LISTEN to 127.0.0.1, or unset FF_ALLOW_DEV_HEADERS.',
    )
  if (store !== null && environment === 'prod' && texts.digest_key_file === null)
    throw invalid(
      'FF_AUDIT_DIGEST_KEY_FILE is not set, and audit records hold digests of sensitive values.',
      'Make one with `openssl rand -out digest.key 32`, and keep it: digests of another key differ.',
    )
  return { store, listen, admin_listen, digest_key_file: texts.digest_key_file }
}

function storeOf(
  { backing, store_dir, env }: ServeTexts,
  database: () => TargetSpec,
): TargetSpec | null {
  if (backing === 'db') return database()
  if (backing === 'managed')
    throw invalid('No cutover phase is recorded anywhere yet.', 'Set FF_BACKING to file or db.')
  if (backing !== null && backing !== 'file')
    throw invalid(`FF_BACKING is "${backing}".`, 'Set it to file or db.')
  if (store_dir !== null) return { kind: 'file', folder: store_dir }
  // A sample must never be served to those who meant a store of their own.
  if (backing === null && env === null) return null
  throw invalid('FF_STORE_DIR is not set.', STORE_HINT)
}

/** `HOST:PORT`, the host of an IPv6 address in brackets. */
export function listenAt(name: string, text: string | null): ListenAt | null {
  if (text === null) return null
  const parts = /^(?:\[([0-9a-fA-F:]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text)
  const port = Number(parts?.[3])
  if (parts === null || port > 65_535)
    throw invalid(`${name} is no place to listen at.`, 'Write 127.0.0.1:8420, for one.')
  return { host: parts[1] ?? (parts[2] as string), port }
}

export const invalid = (message: string, hint: string): FfError =>
  new FfError('setting_invalid', message, { hint })
