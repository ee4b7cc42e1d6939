import type { TargetSpec } from '../../core/parity/target.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { makeSettingError, LOOPBACK } from './start-plan.ts'

/**
 * What the scratch state of a harness is made on. A harness believes every caller, and makes schemas: it is for this
 * machine, and for a place that a setting names only where FF_ENV says that this is dev. With nothing set at all it
 * touches nothing but what it makes itself.
 *
 * @throws FfError `setting_invalid`, `target_invalid`
 */
export function planHarness(settings: SettingValues): TargetSpec {
  const { FF_BACKING, FF_ENV, FF_STORE_DIR } = settings
  const fault = FAULTS.find(([holds]) => holds(settings))
  if (fault !== undefined) throw makeSettingError(fault[1], fault[2])
  const inDatabase = FF_BACKING === 'db'
  const named = inDatabase ? settings.FF_DATABASE_URL : toFileTarget(FF_STORE_DIR)
  if (named === null) return inDatabase ? { kind: 'embedded' } : { kind: 'file', folder: null }
  if (FF_ENV === 'dev') return named
  throw makeSettingError(
    'A store or database is named and FF_ENV is not set, so it may be that of production.',
    'Set FF_ENV=dev where it is not, or unset FF_STORE_DIR and FF_DATABASE_URL: what is needed is then made.',
  )
}

type Fault = readonly [holds: (settings: SettingValues) => boolean, what: string, hint: string]
const FAULTS: readonly Fault[] = [
  [
    ({ FF_ENV }) => FF_ENV === 'prod',
    'FF_ENV is not dev, and a harness is for nothing else.',
    'Unset it, or set it to dev.',
  ],
  [
    ({ FF_LISTEN }) => !LOOPBACK.test(FF_LISTEN.host),
    'A harness listens on this machine alone, and FF_LISTEN names another address.',
    'Set FF_LISTEN to 127.0.0.1:8420.',
  ],
  [
    ({ FF_ADMIN_LISTEN }) => FF_ADMIN_LISTEN !== null,
    'A harness has one port.',
    'Unset FF_ADMIN_LISTEN.',
  ],
]

const toFileTarget = (folder: string | null): TargetSpec | null =>
  folder === null ? null : { kind: 'file', folder }
