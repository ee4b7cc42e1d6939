import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { FfError } from '../../errors.ts'
import { tryLock } from '../file-lock/file-lock.ts'
import { toStoreError } from './store-error.ts'

/**
 * Locks a store's folder for writing through its file `.lock`, which it creates; closing the returned handle unlocks
 * it. Does not wait.
 * @throws FfError `store_locked` if it is locked, `target_unreachable` for a missing folder, `backing_unavailable`
 * without the command `flock`, or another of `toStoreError`: `rights_missing`, `target_read_only`, `disk_full`
 */
export async function takeLock(folder: string): Promise<FileHandle> {
  try {
    const lock = await tryLock(join(folder, '.lock'))
    if (lock !== null) return lock
  } catch (error) {
    throw toStoreError(error, folder)
  }
  throw lockedError(folder)
}

/** The lock of a command that ends the holder of `.lock`, held until it has that lock itself. */
const CLAIM = '.claim'
/** Claims the next turn of a folder's `.lock`; null while it is claimed or asked for. @throws as `tryLock` */
export const claimLock = (folder: string): Promise<FileHandle | null> =>
  tryLock(join(folder, CLAIM))
/** Whether the next turn of a folder's `.lock` may be claimed. @throws as `tryLock` */
export async function isClaimed(folder: string): Promise<boolean> {
  const claim = await claimLock(folder)
  await claim?.close()
  return claim === null
}

/** Makes, without throwing it, the error of a folder that another process has locked. */
export const lockedError = (folder: string): FfError =>
  new FfError(
    'store_locked',
    `Cannot lock the file store ${folder}: another process has it open.`,
    {
      hint: `Find that process with \`fuser -v '${join(folder, '.lock')}'\` and stop it, or name another folder.`,
    },
  )
