import { realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { closeAfter, openAll } from '../../concurrency/open-all.ts'
import type { AuditOptions, ScratchServiceStore } from '../../ports/store.ts'
import { makePrivateFolder } from '../store-files/private-folder.ts'
import { createStore, FileStore } from './file-store.ts'
import { toStoreError } from './store-error.ts'

const PREFIX = 'ff-scratch-'

/**
 * A file store of the harness's own, in a folder below `parent` that goes at the end, or with the next
 * run after a kill -9. What else is in `parent` is not touched.
 *
 * @param parent the folder whose file system is meant; null for the system's temporary one
 */
export async function openScratchFolder(
  parent: string | null,
  tools: AuditOptions,
): Promise<ScratchServiceStore> {
  const place = parent ?? tmpdir()
  try {
    const within = await realpath(place)
    const { value: store, close } = await openAll(async (keep) => {
      const folder = await keep(makePrivateFolder(within, PREFIX), (one) => one.remove())
      const home = `${folder.path}/store`
      await createStore(home)
      return keep(FileStore.open(home, tools, { durable: false }))
    })
    return { facts: { target: 'file', backing: 'file', server: null }, store, close }
  } catch (error) {
    throw toStoreError(error, place)
  }
}

/** Lends such a folder, empty, of the system's temporary one. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const within = await realpath(tmpdir())
  return closeAfter(async (keep) => {
    const folder = await keep(makePrivateFolder(within, PREFIX), (one) => one.remove())
    return use(folder.path)
  })
}
