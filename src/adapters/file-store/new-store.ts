import { mkdir, readdir } from 'node:fs/promises'
import { FfError } from '../../errors.ts'
import type { RowSource } from '../../ports/rows.ts'
import { takeLock } from './file-store.ts'
import { replaceSnapshot, SNAPSHOT } from './snapshot.ts'
import { toStoreError } from './store-error.ts'

/**
 * Makes a store of the rows of another side, in a folder that holds none: there whole, or not at all.
 *
 * @param batches the source's lines, as its counts say
 * @returns the digest of the snapshot
 * @throws FfError `option_invalid` where a store is there already, `store_locked`, `disk_full` and the like
 */
export async function writeNewStore(
  folder: string,
  { epoch, head, counts }: Pick<RowSource, 'epoch' | 'head' | 'counts'>,
  batches: AsyncIterable<Buffer>,
): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const lock = await takeLock(folder)
    try {
      const names = await readdir(folder)
      if (names.some((name) => name === SNAPSHOT || name.startsWith('log-'))) throw occupied(folder)
      return await replaceSnapshot(folder, { epoch, head, counts }, batches)
    } finally {
      await lock.close()
    }
  } catch (error) {
    throw toStoreError(error, folder)
  }
}

const occupied = (folder: string): FfError =>
  new FfError('option_invalid', `${folder} holds a file store already.`, {
    hint: 'Name a new or empty folder; a store that is there is never written over.',
  })
