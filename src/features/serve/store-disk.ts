import { statfs } from 'node:fs/promises'
import type { ResourceUse } from '../../core/observe/minute.ts'
import type { SettingValues } from '../../core/settings/settings.ts'

/** The file system of a file store, in bytes; null where none is served, and where it cannot be read. */
export async function readDisk({
  FF_BACKING,
  FF_STORE_DIR,
}: Pick<SettingValues, 'FF_BACKING' | 'FF_STORE_DIR'>): Promise<ResourceUse | null> {
  if (FF_BACKING === 'db' || FF_STORE_DIR === null) return null
  try {
    const { bsize, blocks, bavail } = await statfs(FF_STORE_DIR)
    return { used: (blocks - bavail) * bsize, limit: blocks * bsize }
  } catch {
    return null // Readiness says what is wrong with the store.
  }
}
