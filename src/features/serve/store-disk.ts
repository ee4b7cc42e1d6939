import { statfs } from 'node:fs/promises'
import type { ResourceUse } from '../../core/observe/minute.ts'
import type { TargetSpec } from '../../core/parity/target.ts'

/** The file system of a file store, in bytes; null for another store, and where it cannot be read. */
export async function readDisk(target: TargetSpec | null): Promise<ResourceUse | null> {
  if (target?.kind !== 'file' || target.folder === null) return null
  try {
    const { bsize, blocks, bavail } = await statfs(target.folder)
    return { used: (blocks - bavail) * bsize, limit: blocks * bsize }
  } catch {
    return null // Readiness says what is wrong with the store.
  }
}
