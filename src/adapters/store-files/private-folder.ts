import { lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { nullIfMissing } from '../../files/read-or-null.ts'
import { tryLock } from '../file-lock/file-lock.ts'

const LOCK = '.owner'
const MAKING = '.making-'
/**
 * A folder is locked within milliseconds, or seconds where the machine is crowded; one that old and still without
 * its name was left by a dead process.
 */
const MAKING_MS = 60_000

/** A folder of this process alone. */
export interface PrivateFolder {
  readonly path: string
  remove(): Promise<void>
}

/**
 * Makes a locked folder (mode 0700) below `parent`, and removes those that dead processes left there.
 * A folder gets its name only when it is locked, so nobody sweeps one that is being made.
 */
export async function makePrivateFolder(parent: string, prefix: string): Promise<PrivateFolder> {
  await sweep(parent, prefix)
  const making = await mkdtemp(join(parent, MAKING + prefix))
  const path = join(parent, prefix + making.slice(-6))
  try {
    const lock = await tryLock(join(making, LOCK))
    if (lock === null) throw new Error(`a folder that was just made is locked: ${making}`)
    await rename(making, path)
    return {
      path,
      remove: async () => {
        // A server that was just told to stop may still be writing there.
        await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
        await lock.close()
      },
    }
  } catch (error) {
    // A Ctrl-C may have met the command that takes the lock.
    await rm(making, { recursive: true, force: true })
    throw error
  }
}

async function sweep(parent: string, prefix: string): Promise<void> {
  const names = await readdir(parent)
  for (const name of names.filter(
    (one) => one.startsWith(prefix) || one.startsWith(MAKING + prefix),
  )) {
    const path = join(parent, name)
    if (!(await isOurs(path, name.startsWith(MAKING) ? MAKING_MS : 0))) continue
    const lock = await getLock(path)
    if (lock === null) continue
    await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    await lock.close()
  }
}

/** Null where its owner lives, or has just taken it away. */
const getLock = (path: string): ReturnType<typeof tryLock> =>
  nullIfMissing(tryLock(join(path, LOCK)))

/** A real folder that this user owns, old enough: the parent may be shared with others. */
async function isOurs(path: string, olderThanMs: number): Promise<boolean> {
  try {
    const stat = await lstat(path)
    const ageMs = Date.now() - stat.mtimeMs
    return stat.isDirectory() && stat.uid === process.getuid?.() && ageMs >= olderThanMs
  } catch {
    return false // Gone since it was listed: another run has swept it.
  }
}
