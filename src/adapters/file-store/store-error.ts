import { type ErrorCode, FfError } from '../../errors.ts'
import { LineTooLong } from './lines.ts'
import { StoreDamage } from './snapshot.ts'

const BY_SYSTEM_CODE: Readonly<
  Record<string, readonly [code: ErrorCode, what: string, hint: string]>
> = {
  ENOENT: ['target_unreachable', 'holds no file store', 'Name a folder that holds one.'],
  ENOTDIR: ['target_unreachable', 'is not a folder', 'Name the folder that holds the snapshot.'],
  EEXIST: ['target_unreachable', 'is not a folder', 'Name the folder that holds the snapshot.'],
  EACCES: [
    'rights_missing',
    'may not be used by this user',
    'Grant this user read and write on the folder.',
  ],
  EPERM: [
    'rights_missing',
    'may not be used by this user',
    'Grant this user read and write on the folder.',
  ],
  EROFS: [
    'target_read_only',
    'is on a read-only file system',
    'Name a folder that can be written.',
  ],
  ENOSPC: [
    'disk_full',
    'is on a disk that is full',
    'Free space and try again; nothing acknowledged is lost.',
  ],
  EFBIG: [
    'disk_full',
    'would grow past the size that a file may have here',
    'Raise the limit (ulimit -f) and try again; nothing acknowledged is lost.',
  ],
  EDQUOT: [
    'disk_full',
    'is over its disk quota',
    'Free space and try again; nothing acknowledged is lost.',
  ],
}

const OTHER = ['backing_unavailable', 'cannot be used', 'Look at the cause with --debug.'] as const

/** Turns what went wrong below a file store into the one error that its callers branch on; a bug stays a bug. */
export function toStoreError(error: unknown, folder: string): unknown {
  if (error instanceof StoreDamage || error instanceof LineTooLong) {
    return new FfError('store_corrupt', `The file store ${folder} is damaged: ${error.message}.`, {
      hint: 'Restore the folder from its last good copy; ff does not guess at rows.',
      cause: error,
    })
  }
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error
  const [code, what, hint] = BY_SYSTEM_CODE[String(error.code)] ?? OTHER
  return new FfError(code, `The file store ${folder} ${what}.`, { hint, cause: error })
}
