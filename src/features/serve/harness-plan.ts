import type { TargetSpec } from '../../core/parity/target.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { makeSettingError, LOOPBACK } from './start-plan.ts'

/**
 * The target of the scratch state of a harness; opens nothing. A harness trusts every caller and creates schemas, so
 * it listens on a loopback address and uses a named store or database only with FF_ENV=dev. With nothing set it is a
 * file store without a folder, or an embedded database with FF_BACKING=db: the harness creates its own. FF_BACKING alone
 * chooses: FF_DATABASE_URL counts with FF_BACKING=db only, FF_STORE_DIR only without it.
 *
 * @throws FfError `setting_invalid`, also for another FF_ENV than dev and for FF_ADMIN_LISTEN
 */
export function planHarness(settings: SettingValues): TargetSpec {
  const { FF_BACKING, FF_ENV, FF_STORE_DIR } = settings
  const fault = FAULTS.find(([holds]) => holds(settings))
  if (fault !== undefined) throw makeSettingError(fault[1](settings), fault[2])
  const inDatabase = FF_BACKING === 'db'
  const configured = inDatabase ? settings.FF_DATABASE_URL : toFileTarget(FF_STORE_DIR)
  if (configured === null) return inDatabase ? { kind: 'embedded' } : { kind: 'file', folder: null }
  if (FF_ENV === 'dev') return configured
  throw makeSettingError(
    `${inDatabase ? 'FF_DATABASE_URL' : 'FF_STORE_DIR'} is set and FF_ENV is not: a harness uses a named store or database only with FF_ENV=dev.`,
    'Run `export FF_ENV=dev` if it is not a production store, or `unset FF_STORE_DIR FF_DATABASE_URL`: the harness then creates its own.',
  )
}

type Fault = readonly [
  holds: (settings: SettingValues) => boolean,
  what: (settings: SettingValues) => string,
  hint: string,
]
const FAULTS: readonly Fault[] = [
  [
    ({ FF_ENV }) => FF_ENV !== null && FF_ENV !== 'dev',
    () => 'FF_ENV is not dev: a harness trusts every caller, so it never runs in production.',
    'Run `export FF_ENV=dev`, or `unset FF_ENV`.',
  ],
  [
    ({ FF_LISTEN }) => !LOOPBACK.test(FF_LISTEN.host),
    ({ FF_LISTEN }) =>
      `FF_LISTEN names the host ${quoteValue(FF_LISTEN.host)}: a harness listens on a loopback address only.`,
    'Run `export FF_LISTEN=127.0.0.1:8420`.',
  ],
  [
    ({ FF_ADMIN_LISTEN }) => FF_ADMIN_LISTEN !== null,
    () => 'FF_ADMIN_LISTEN is set: a harness serves all its routes on the port of FF_LISTEN.',
    'Run `unset FF_ADMIN_LISTEN`.',
  ],
  [
    ({ FF_BACKING }) => FF_BACKING === 'managed',
    () => 'FF_BACKING is managed: a harness serves one store, and takes part in no cutover.',
    'Run `export FF_BACKING=file` or `export FF_BACKING=db`.',
  ],
]

const toFileTarget = (folder: string | null): TargetSpec | null =>
  folder === null ? null : { kind: 'file', folder }
