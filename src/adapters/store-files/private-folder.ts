import { lstat, mkdtemp, readdir, realpath, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FfError } from '../../errors.ts'
import { nullIfMissing } from '../../files/read-or-null.ts'
import { toSystemError } from '../../files/system-error.ts'
import { tryLock } from '../file-lock/file-lock.ts'

const LOCK = '.owner'
const MAKING = '.making-'
/**
 * Locking a new folder takes milliseconds, or seconds on a busy machine. A folder of this age that still has its
 * temporary name belonged to a process that died.
 */
const MAKING_MS = 60_000
/** The folders of this process, which a sweep need not ask for: each question starts a process. */
const own = new Set<string>()

/** A folder that only this process uses, locked until `remove`. */
export interface PrivateFolder {
  readonly path: string
  remove(): Promise<void>
}

/**
 * Makes a locked folder that only this process uses in the system's folder for temporary files, by its real path, and
 * removes the folders of that prefix that dead processes of this user left there. `remove` deletes it and releases the
 * lock.
 * @throws FfError `system_refused` or `disk_full` if that folder cannot be used, `backing_unavailable` without the
 * command `flock`
 */
export async function makeTemporaryFolder(prefix: string): Promise<PrivateFolder> {
  try {
    return await makePrivateFolder(await realpath(tmpdir()), prefix)
  } catch (error) {
    throw toTemporaryError(error)
  }
}

/**
 * Makes, without throwing it, the error of the system's folder for temporary files, `system_refused` or `disk_full`;
 * every error that is none of the system is returned as it is.
 */
export function toTemporaryError(error: unknown): unknown {
  const parent = tmpdir()
  const refused = toSystemError(error, `The folder for temporary files, ${parent}, cannot be used`)
  if (refused === null || refused.hint.includes('ulimit')) return refused ?? error
  return new FfError(refused.code, refused.message, {
    hint: 'Set TMPDIR to a folder that exists, that you may write to, and that has space.',
    cause: error,
  })
}

/**
 * Makes a locked folder (mode 0700) below `parent`, named `prefix` and six random characters, and removes the folders
 * of that prefix that dead processes of this user left there. A folder gets its final name once it is locked, so that
 * no other process sweeps it while it is being made. `remove` deletes it and releases the lock.
 * @throws the system's error for `parent`; FfError `backing_unavailable` without the command `flock`
 */
export async function makePrivateFolder(parent: string, prefix: string): Promise<PrivateFolder> {
  await removeDeadFolders(parent, prefix)
  const making = await mkdtemp(join(parent, MAKING + prefix))
  const path = join(parent, prefix + making.slice(-6))
  try {
    const lock = await tryLock(join(making, LOCK))
    if (lock === null) throw new Error(`another process locked the new folder ${making}`)
    await rename(making, path)
    own.add(path)
    return {
      path,
      remove: async () => {
        own.delete(path)
        // A server that is shutting down may still write there.
        await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
        await lock.close()
      },
    }
  } catch (error) {
    // A Ctrl-C may have killed the `flock` command.
    await rm(making, { recursive: true, force: true })
    throw error
  }
}

async function removeDeadFolders(parent: string, prefix: string): Promise<void> {
  const names = await readdir(parent)
  for (const name of names.filter(
    (one) => one.startsWith(prefix) || one.startsWith(MAKING + prefix),
  )) {
    const path = join(parent, name)
    if (own.has(path)) continue
    if (!(await isOwnAndOlder(path, name.startsWith(MAKING) ? MAKING_MS : 0))) continue
    const lock = await tryOwnerLock(path)
    if (lock === null) continue
    await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    await lock.close()
  }
}

/** Null while its owner runs, and if its owner has just removed it. */
const tryOwnerLock = (path: string): ReturnType<typeof tryLock> =>
  nullIfMissing(tryLock(join(path, LOCK)))

/** True for a folder (no symbolic link) of this user and of at least this age. The parent, such as /tmp, is shared. */
async function isOwnAndOlder(path: string, olderThanMs: number): Promise<boolean> {
  try {
    const stat = await lstat(path)
    const ageMs = Date.now() - stat.mtimeMs
    return stat.isDirectory() && stat.uid === process.getuid?.() && ageMs >= olderThanMs
  } catch {
    return false // Another run removed it after it was listed.
  }
}
