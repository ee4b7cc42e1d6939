import type { SettingValues } from '../settings/settings.ts'
import type { Environment } from './types.ts'

/** The name of the environment of this process; `prod` where FF_ENV is not set, because the process counts as such. */
export const nameEnvironment = ({ FF_ENV }: Pick<SettingValues, 'FF_ENV'>): string =>
  FF_ENV ?? 'prod'

/** Whether a name of an environment, by FF_ENV or a plan, is that of production, in any case. */
export const isProductionName = (name: string): boolean => /^prod(uction)?$/i.test(name)

/**
 * Whether all of these names, by FF_ENV or a plan, are that of a rehearsal: its stores on loopback count as target and as
 * staging, there alone.
 */
export const isRehearsal = (
  ...names: readonly [string | null | undefined, ...(readonly (string | null | undefined)[])]
): boolean => names.every((name) => name === REHEARSAL)
/** The environment of `ff rehearse`. */
export const REHEARSAL = 'rehearsal'

/**
 * The column of the mode matrix for this process: `FF_ENV` is exactly `dev`, or the process counts as prod, also with
 * an unset or unknown name. Null for dev headers outside dev, which is a configuration fault.
 */
export function readEnvironment({
  FF_ENV,
  FF_ALLOW_DEV_HEADERS,
}: Pick<SettingValues, 'FF_ENV' | 'FF_ALLOW_DEV_HEADERS'>): Environment | null {
  if (FF_ENV === 'dev') return FF_ALLOW_DEV_HEADERS ? 'dev+H' : 'dev-H'
  return FF_ALLOW_DEV_HEADERS ? null : 'prod'
}
