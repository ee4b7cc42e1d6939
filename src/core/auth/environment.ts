import type { SettingValues } from '../settings/settings.ts'
import type { Environment } from './types.ts'

/**
 * The column of the mode matrix that a process stands in: dev is said in so many letters, and everything else, an unset
 * or unknown name included, is prod. Null at dev headers outside dev, which are a fault.
 */
export function readEnvironment({
  FF_ENV,
  FF_ALLOW_DEV_HEADERS,
}: Pick<SettingValues, 'FF_ENV' | 'FF_ALLOW_DEV_HEADERS'>): Environment | null {
  if (FF_ENV === 'dev') return FF_ALLOW_DEV_HEADERS ? 'dev+H' : 'dev-H'
  return FF_ALLOW_DEV_HEADERS ? null : 'prod'
}
