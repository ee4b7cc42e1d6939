import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditChainHead, EMPTY_HEAD, toChainHead } from '../../core/audit/record.ts'
import { getRowKey } from '../../core/rows/rows.ts'
import { listOrEmpty, nullIfMissing } from '../../files/read-or-null.ts'
import { syncFolder, writeNewFile } from '../../files/replace-file.ts'
import type { CopiedChange, SideContent } from '../../ports/cutover.ts'
import { forkedError, requireContinued } from './file-chain.ts'
import { formatLogLine } from './log.ts'
import { readLastHead } from './log-history.ts'
import { syncSegment } from './log-writer.ts'
import { RowIndex } from './row-index.ts'
import { claimNextTerm, formatSegmentName, listSegments } from './segments.ts'
import { readSnapshotHeader, SNAPSHOT, writeSnapshot } from './snapshot.ts'
import { toStoreError } from './store-error.ts'
import { takeLock } from './store-lock.ts'

/** A rebuilt store that is whole: its files only have to be moved into the folder. */
export const REBUILT = '.rebuilt'
/** One that is being written. */
const UNFINISHED = '.rebuilt.new'

/**
 * Rebuilds a store that is empty, or whose head is in the chain of `content`, so that it holds that content: a new
 * snapshot, and a segment with the records that the log lacks. Killed in the middle it leaves the old store, or the new one
 * once a writer has opened it. Holds the lock meanwhile.
 *
 * @param epoch of the new segment and the snapshot
 * @throws FfError `chains_forked` where the head is not in that chain, or its records do not continue each other;
 *   `store_locked`, or another of `toStoreError`. The old store then stays
 */
export async function rebuildStore(
  folder: string,
  content: SideContent,
  epoch: number,
): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const lock = await takeLock(folder)
    try {
      await writeRebuilt(folder, content, epoch)
      await finishRebuild(folder)
    } finally {
      await lock.close()
    }
  } catch (error) {
    throw toStoreError(error, folder)
  } finally {
    // Where its rows were not read to their end.
    await content.rows[Symbol.asyncIterator]().return?.()
  }
}

/** Writes a store beside the one in a folder, whole or not at all. */
async function writeRebuilt(folder: string, content: SideContent, epoch: number): Promise<void> {
  await finishRebuild(folder)
  const head = await readHead(folder)
  // The new segment follows its last line, which a killed writer may not have synced.
  const last = (await listSegments(folder)).at(-1)
  if (last !== undefined) await syncSegment(join(folder, last.name))
  const term = await claimNextTerm(folder)
  const home = join(folder, UNFINISHED)
  try {
    await mkdir(home, { mode: 0o700 })
    const path = join(home, formatSegmentName(term, epoch, head))
    await writeNewFile(path, formatLines(folder, { head, epoch }, content), { mode: 0o600 })
    const index = await readRows(content)
    await writeSnapshot(home, { index, epoch, head: content.head })
    await rename(home, join(folder, REBUILT))
    await syncFolder(folder)
  } catch (error) {
    await rm(home, { recursive: true, force: true })
    throw error
  }
}

/**
 * Moves a rebuilt store that is whole into its folder, and removes one that is not. The caller holds the lock. The snapshot
 * goes first: until the segment is there too, its head is in no segment, which is damage to every reader.
 *
 * @throws the system's error
 */
export async function finishRebuild(folder: string): Promise<void> {
  await rm(join(folder, UNFINISHED), { recursive: true, force: true })
  const home = join(folder, REBUILT)
  const names = await listOrEmpty(home)
  const isSnapshot = (name: string): boolean => name === SNAPSHOT
  for (const name of names.toSorted((a, b) => Number(isSnapshot(b)) - Number(isSnapshot(a))))
    await rename(join(home, name), join(folder, name))
  if (names.length > 0) await syncFolder(folder)
  await rm(home, { recursive: true, force: true })
}

/** The end of the chain that a folder has; that of an empty one where it holds no store. */
async function readHead(folder: string): Promise<AuditChainHead> {
  const snapshot = await nullIfMissing(readSnapshotHeader(folder))
  return (await readLastHead(folder)) ?? snapshot?.head ?? EMPTY_HEAD
}

/** Yields the lines of the records behind a head, in batches. @throws FfError `chains_forked` */
async function* formatLines(
  folder: string,
  { head, epoch }: { readonly head: AuditChainHead; readonly epoch: number },
  content: SideContent,
): AsyncGenerator<string> {
  let last = EMPTY_HEAD
  for await (const batch of content.records) {
    requireContinued(folder, last, batch)
    const own = batch.find(({ record }) => record.seq === head.seq)?.record
    if (own !== undefined && own.hash !== head.hash) throw forkedError(folder, head)
    yield batch
      .filter(({ record }) => record.seq > head.seq)
      .map((change: CopiedChange) => formatLogLine(change, epoch))
      .join('')
    last = toChainHead(batch.at(-1)?.record ?? last)
  }
  if (last.seq < head.seq || last.hash !== content.head.hash) throw forkedError(folder, head)
}

async function readRows({ rows }: SideContent): Promise<RowIndex> {
  const index = new RowIndex()
  for await (const batch of rows)
    for (const { table, row } of batch) index.set(table, getRowKey(row), { row })
  return index
}
