import type { Environment } from './types.ts'

export type EnvironmentFault = 'switch_unreadable' | 'dev_headers_outside_dev'
export type EnvironmentRead =
  | { readonly ok: true; readonly environment: Environment }
  | { readonly ok: false; readonly fault: EnvironmentFault }

/**
 * The column of the mode matrix that a process stands in (page 2): dev is said in so many letters, and
 * everything else, an unset or unknown name included, is prod. The switch for dev headers outside dev is a fault.
 *
 * @param name `FF_ENV` @param allow `FF_ALLOW_DEV_HEADERS`; each null where it is not set
 */
export function readEnvironment(name: string | null, allow: string | null): EnvironmentRead {
  if (allow !== null && allow !== 'true' && allow !== 'false')
    return { ok: false, fault: 'switch_unreadable' }
  if (name === 'dev') return { ok: true, environment: allow === 'true' ? 'dev+H' : 'dev-H' }
  return allow === 'true'
    ? { ok: false, fault: 'dev_headers_outside_dev' }
    : { ok: true, environment: 'prod' }
}
