import { join } from 'node:path'
import { quoteError } from '../../core/text/quote-error.ts'
import { type ErrorCode, FfError } from '../../errors.ts'
import { LineTooLong } from './lines.ts'
import { StoreDamage } from './snapshot.ts'

type Row = readonly [code: ErrorCode, what: string, hint: string]

const NOT_A_FOLDER: Row = [
  'target_unreachable',
  'is not a folder',
  'Name the folder that contains snapshot.ndjson: file:DIR.',
]
const NO_RIGHTS: Row = [
  'rights_missing',
  'refuses access to this user',
  'Give this user read and write access to the folder and its files (ls -la DIR shows the owner).',
]

/** By the system's error code. */
const BY_SYSTEM_CODE: Readonly<Record<string, Row>> = {
  ENOENT: [
    'target_unreachable',
    'does not exist',
    'Name the folder that contains snapshot.ndjson: file:DIR. `ff store init DIR` makes an empty store.',
  ],
  ENOTDIR: NOT_A_FOLDER,
  EEXIST: NOT_A_FOLDER,
  EACCES: NO_RIGHTS,
  EPERM: NO_RIGHTS,
  EROFS: [
    'target_read_only',
    'is on a read-only file system',
    'Name a folder on a writable file system: file:DIR.',
  ],
  ENOSPC: [
    'disk_full',
    'is on a full disk',
    'Free space (df -h DIR) and run again; acknowledged writes are not lost.',
  ],
  EFBIG: [
    'disk_full',
    'has a file at the maximum size',
    'Raise the limit (ulimit -f unlimited) and run again; acknowledged writes are not lost.',
  ],
  EDQUOT: [
    'disk_full',
    'exceeds its disk quota',
    'Free space (quota -s) and run again; acknowledged writes are not lost.',
  ],
}

const OTHER: Row = [
  'backing_unavailable',
  'cannot be used',
  'Run again with --debug, which prints the stack of the error.',
]

/**
 * Returns the FfError of a file store for damage (`store_corrupt`) and for the system's errors: `target_unreachable`,
 * `rights_missing`, `target_read_only`, `disk_full`, or `backing_unavailable` for any other. Returns every other
 * error, such as an FfError, as it is; throws nothing.
 */
export function toStoreError(error: unknown, folder: string): unknown {
  if (error instanceof StoreDamage || error instanceof LineTooLong) {
    return new FfError('store_corrupt', `The file store ${folder} is damaged: ${error.message}.`, {
      hint: 'Restore the folder from its last good copy; ff does not repair a store.',
      cause: error,
    })
  }
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error
  const [code, what, hint] = BY_SYSTEM_CODE[String(error.code)] ?? OTHER
  const message = `The file store ${folder} ${what}: ${quoteError(error)}.`
  return new FfError(code, message, { hint, cause: error })
}

/** Makes, without throwing it, the error of a writer whose folder another process writes to by now. */
export const takenOverError = (folder: string): FfError =>
  new FfError(
    'backing_unavailable',
    `Cannot write to the file store ${folder}: another process has taken it over.`,
    {
      hint: `A change that was under way may have been made. Stop this process; the other one is shown by \`fuser -v '${join(folder, '.lock')}'\`.`,
    },
  )

/** Makes the error of a store that was closed. */
export const closedError = (folder: string): FfError =>
  new FfError('backing_unavailable', `Cannot write to the file store ${folder}: it is closed.`, {
    hint: 'Start the command again.',
  })

/** Makes the error of an epoch that is not above that of a store. */
export const epochError = (epoch: number, now: number): FfError =>
  new FfError('option_invalid', `The file store cannot go from epoch ${now} to epoch ${epoch}.`, {
    hint: 'An epoch only rises: read the phase record again.',
  })

/** Makes the error of a store without a writer. */
export const noWriterError = (folder: string): FfError =>
  new FfError('backing_unavailable', `No process writes to the file store ${folder}.`, {
    hint: 'Wait a second: an instance on the same host takes over from a writer that ended.',
  })
