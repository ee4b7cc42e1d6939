import { type ErrorCode, FfError } from '../errors.ts'

type SystemRow = readonly [code: ErrorCode, hint: string]
const FULL: SystemRow = ['disk_full', 'Free space there, or set TMPDIR to a folder with space.']
const FILES: SystemRow = [
  'system_refused',
  'Allow more open files, `ulimit -n 1024`, and run the same command again.',
]
const PROCESSES: SystemRow = [
  'system_refused',
  'Free memory, or allow more processes with `ulimit -u`, and run the same command again.',
]
const OTHER: SystemRow = [
  'system_refused',
  'Check that the path exists and that you may use it, then run the same command again.',
]
/** By the code of Node's system errors. */
const ROWS: Readonly<Record<string, SystemRow>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EMFILE: FILES,
  ENFILE: FILES,
  ENOMEM: PROCESSES,
  EAGAIN: PROCESSES,
}

/**
 * Makes, without throwing it, the error for what the system refused to this program, with the system's own words:
 * `disk_full` for `ENOSPC` and `EDQUOT`, else `system_refused`. Null for every error that no call of the system gave
 * (without `syscall` and `code`).
 * @param what the beginning of the message
 */
export function toSystemError(error: unknown, what = 'The system refused it'): FfError | null {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return null
  const [code, hint] = ROWS[String(error.code)] ?? OTHER
  return new FfError(code, `${what}: ${error.message}.`, { hint, cause: error })
}
