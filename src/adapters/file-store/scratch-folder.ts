import { realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { closeAfter, openAll } from '../../concurrency/open-all.ts'
import type { AuditOptions, OpenServiceStore, ScratchServiceStore } from '../../ports/store.ts'
import {
  makePrivateFolder,
  makeTemporaryFolder,
  type PrivateFolder,
  toTemporaryError,
} from '../store-files/private-folder.ts'
import { createStore, FileStore } from './file-store.ts'
import { toStoreError } from './store-error.ts'

const PREFIX = 'ff-scratch-'

/**
 * Opens an empty file store in a new folder below `parent`, whose writes do not wait for the disk. `close` deletes the
 * folder; after a kill -9 the next run does.
 * @param parent a folder on the file system to use; null for the system's temporary folder
 * @throws FfError `target_unreachable` for a missing `parent`, `backing_unavailable` without the command `flock`, or
 * another of `toStoreError` (`rights_missing`, `target_read_only`, `disk_full`); for the temporary folder `disk_full`
 * or `system_refused`
 */
export async function openScratchFolder(
  parent: string | null,
  tools: AuditOptions,
): Promise<ScratchServiceStore & Pick<OpenServiceStore, 'backlog'>> {
  const make = async (): Promise<PrivateFolder> =>
    parent === null
      ? makeTemporaryFolder(PREFIX)
      : makePrivateFolder(await realpath(parent), PREFIX)
  try {
    const { value: store, close } = await openAll(async (keep) => {
      const folder = await keep(make(), (one) => one.remove())
      const home = `${folder.path}/store`
      await createStore(home)
      return keep(FileStore.open(home, tools, { durable: false, lock: false }))
    })
    const facts = { target: 'file', backing: 'file', server: null } as const
    return { facts, store, backlog: () => store.sinkBacklog(), close }
  } catch (error) {
    throw parent === null
      ? toStoreError(toTemporaryError(error), tmpdir())
      : toStoreError(error, parent)
  }
}

/**
 * Runs `use` with the path of a new private folder in the system's temporary folder, deletes it, and returns the
 * result. The folder contains a lock file only.
 *
 * @throws what `use` throws, after the deletion; FfError `system_refused` or
 *   `disk_full` for the temporary folder, `backing_unavailable` without `flock`
 */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  return closeAfter(async (keep) => {
    const folder = await keep(makeTemporaryFolder(PREFIX), (one) => one.remove())
    return use(folder.path)
  })
}
