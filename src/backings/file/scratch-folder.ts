import { realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import type { AuditTools, ServedScratch } from '../../ports.ts'
import { makePrivateFolder } from '../private-folder.ts'
import { createStore, FileStore } from './file-store.ts'
import { storeError } from './store-error.ts'

const PREFIX = 'ff-scratch-'

/**
 * A file store of the harness's own, in a folder below `parent` that goes at the end, or with the next
 * run after a kill -9. What else is in `parent` is not touched.
 *
 * @param parent the folder whose file system is meant; null for the system's temporary one
 */
export async function openScratchFolder(
  parent: string | null,
  tools: AuditTools,
): Promise<ServedScratch> {
  const place = parent ?? tmpdir()
  try {
    const folder = await makePrivateFolder(await realpath(place), PREFIX)
    try {
      const home = `${folder.path}/store`
      await createStore(home)
      const store = await FileStore.open(home, tools, { durable: false })
      const close = async (): Promise<void> => {
        await store.close()
        await folder.remove()
      }
      return { facts: { target: 'file', backing: 'file', server: null }, store, close }
    } catch (error) {
      await folder.remove()
      throw error
    }
  } catch (error) {
    throw storeError(error, place)
  }
}

/** Lends such a folder, empty, of the system's temporary one. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await makePrivateFolder(await realpath(tmpdir()), PREFIX)
  try {
    return await use(folder.path)
  } finally {
    await folder.remove()
  }
}
