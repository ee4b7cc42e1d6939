import { readdir, readFile, stat } from 'node:fs/promises'
import { getErrorCode } from '../../files/read-or-null.ts'
import { identifyFolder } from './folder-identity.ts'

/** A process of this host; the start tells it from a later process with the same id. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in clock ticks since the boot of the host (field 22 of proc_pid_stat(5)), in decimal. */
  readonly start: string
}

/** Errors of /proc for a process that has ended, or whose files this user may not see. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])
async function nullIfGone<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read
  } catch (error) {
    if (GONE.has(getErrorCode(error) ?? '')) return null
    throw error
  }
}

/** Identifies a process; null where there is none, or only one that has ended. @throws the system's error */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  const text = await nullIfGone(readFile(`/proc/${pid}/stat`, 'utf8'))
  // The second field is the name, in parentheses; it may contain spaces and parentheses.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? []
  const [state, start] = [fields[0], fields[19]]
  return start === undefined || state === 'Z' || state === 'X' ? null : { pid, start }
}

/**
 * Ends another process with SIGKILL if it is still the one that was named, and has the file open: a process of another
 * host, container or user is left alone. Returns whether the signal was sent.
 *
 * @throws the system's error
 */
export async function endHolder(named: ProcessIdentity, path: string): Promise<boolean> {
  const held = await identifyFolder(path)
  const folder = `/proc/${named.pid}/fd`
  const files = (await nullIfGone(readdir(folder))) ?? []
  const stats = await Promise.all(files.map((name) => nullIfGone(stat(`${folder}/${name}`))))
  const holds =
    named.pid !== process.pid &&
    stats.some((one) => one !== null && `${one.dev}/${one.ino}` === held)
  if (!holds || (await identifyProcess(named.pid))?.start !== named.start) return false
  try {
    process.kill(named.pid, 'SIGKILL')
    return true
  } catch (error) {
    if (getErrorCode(error) === 'ESRCH' || getErrorCode(error) === 'EPERM') return false
    throw error
  }
}
