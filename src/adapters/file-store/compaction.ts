import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TABLE_NAMES } from '../../core/rows/rows.ts'
import { countLineFeeds, openFileRows } from './row-source.ts'
import { replaceSnapshot, SNAPSHOT, type SnapshotWritten, StoreDamage } from './snapshot.ts'

/** Bounds of the log's length at which a compaction is due, in bytes: those of a small and of a large snapshot. */
const COMPACT_ABOVE_BYTES = { least: 4_194_304, most: 16_777_216 } as const

/**
 * The length of the log in bytes above which the store is to be compacted: that of the snapshot, within 4 MiB and
 * 16 MiB. A longer log would be a slow start, a shorter one would write the snapshot too often.
 *
 * @throws the system's error
 */
export async function readCompactionThreshold(folder: string): Promise<number> {
  const { size } = await stat(join(folder, SNAPSHOT))
  return Math.min(Math.max(size, COMPACT_ABOVE_BYTES.least), COMPACT_ABOVE_BYTES.most)
}

/**
 * Replaces the snapshot by one that includes the log up to `head`, while another segment may grow. Merges the files and
 * not the rows in memory: those change meanwhile, and a row that breaks its schema exists as bytes alone.
 *
 * @param written `head` is the last record of a segment, `counts` are the rows up to it
 * @throws StoreDamage if the snapshot is damaged or the rows are not as many as `counts`; FfError of `toStoreError`; the
 *   system's error. The old snapshot then stays
 */
export async function compactFolder(folder: string, written: SnapshotWritten): Promise<void> {
  const source = await openFileRows(folder, written.head.seq)
  const isWhole = source.head.hash === written.head.hash
  async function* generateRows(): AsyncGenerator<Buffer> {
    const counts = { flag_registry: 0, tenant_override: 0, user_override: 0 }
    for await (const { table, bytes } of source.lines()) {
      counts[table] += countLineFeeds(bytes)
      yield bytes
    }
    if (!isWhole) throw new StoreDamage(`the log has another record ${written.head.seq}`)
    const [fault] = source.faults()
    if (fault !== undefined) throw new StoreDamage(`${SNAPSHOT}: ${fault.detail}`)
    for (const table of TABLE_NAMES)
      if (counts[table] !== written.counts[table])
        throw new StoreDamage(
          `the files hold ${counts[table]} rows of ${table}, the store ${written.counts[table]}`,
        )
  }
  try {
    await replaceSnapshot(folder, written, generateRows())
  } finally {
    await source.close()
  }
}
