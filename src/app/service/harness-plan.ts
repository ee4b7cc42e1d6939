import type { TargetSpec } from '../../core/parity/target.ts'
import type { ListenAt } from '../../ports.ts'
import { DEFAULT_LISTEN, invalid, listenAt, LOOPBACK, type ServeTexts } from './plan.ts'

/** Where a harness listens, and what its scratch state is made on. */
export interface HarnessPlan {
  readonly scratch: TargetSpec
  readonly listen: ListenAt
}

/**
 * A harness believes whoever asks, and makes schemas: it is for this machine, and for a place that somebody names only
 * where FF_ENV says that this is dev. With nothing set at all it touches nothing but what it makes itself.
 *
 * @param database what `FF_DATABASE_URL` names; null where it is not set
 * @throws FfError `setting_invalid`, `target_invalid`
 */
export function planHarness(texts: ServeTexts, database: () => TargetSpec | null): HarnessPlan {
  const listen = listenAt('FF_LISTEN', texts.listen) ?? DEFAULT_LISTEN
  const fault = FAULTS.find(([holds]) => holds(texts, listen))
  if (fault !== undefined) throw invalid(fault[1], fault[2])
  const inDatabase = texts.backing === 'db'
  const named = inDatabase ? database() : folderOf(texts.store_dir)
  if (named === null)
    return { scratch: inDatabase ? { kind: 'embedded' } : { kind: 'file', folder: null }, listen }
  if (texts.env === 'dev') return { scratch: named, listen }
  throw invalid(
    'A store or database is named and FF_ENV is not set, so it may be that of production.',
    'Set FF_ENV=dev where it is not, or unset FF_STORE_DIR and FF_DATABASE_URL: what is needed is then made.',
  )
}

type Fault = readonly [
  holds: (texts: ServeTexts, listen: ListenAt) => boolean,
  what: string,
  hint: string,
]
const FAULTS: readonly Fault[] = [
  [
    ({ env }) => env !== null && env !== 'dev',
    'FF_ENV is not dev, and a harness is for nothing else.',
    'Unset it, or set it to dev.',
  ],
  [
    (_, { host }) => !LOOPBACK.test(host),
    'A harness listens on this machine alone, and FF_LISTEN names another address.',
    'Set FF_LISTEN to 127.0.0.1:8420.',
  ],
  [
    ({ admin_listen }) => admin_listen !== null,
    'A harness has one port.',
    'Unset FF_ADMIN_LISTEN.',
  ],
  [
    ({ backing }) => backing !== null && backing !== 'file' && backing !== 'db',
    'FF_BACKING names nothing that a harness is made on.',
    'Set it to file or db.',
  ],
]

const folderOf = (folder: string | null): TargetSpec | null =>
  folder === null ? null : { kind: 'file', folder }
