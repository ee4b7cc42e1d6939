import { mkdir, readdir } from 'node:fs/promises'
import { FfError } from '../../errors.ts'
import type { RowSource } from '../../ports/rows.ts'
import { CUTOVER } from './cutover-file.ts'
import { takeLock } from './store-lock.ts'
import { MARKS } from './delivery-marks.ts'
import { replaceSnapshot, SNAPSHOT } from './snapshot.ts'
import { REBUILT } from './rebuild-store.ts'
import { toStoreError } from './store-error.ts'

/** Names that a store has and an empty folder has not, segments of the log aside. */
const KEPT: readonly string[] = [SNAPSHOT, MARKS, CUTOVER, REBUILT]

/**
 * Writes the rows of another store, with its epoch, audit head and counts, as a new store, under its lock, into a
 * folder without one, which it creates if missing: the whole store, or no snapshot. Does not compare `batches` with
 * `counts`.
 * @param batches row lines, sorted by table, scope id and flag key, as many as `counts` says
 * @returns SHA-256 of header and rows in hexadecimal, as in the footer
 * @throws FfError `option_invalid` if the folder contains a store, `store_locked`, `backing_unavailable` without the
 * command `flock`, or another of `toStoreError` (`target_unreachable`, `rights_missing`, `target_read_only`,
 * `disk_full`); what `batches` throws, which should be an FfError, since a system error of it is reported as one of
 * this folder
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
      if (names.some((name) => KEPT.includes(name) || name.startsWith('log-')))
        throw occupiedError(folder)
      return await replaceSnapshot(folder, { epoch, head, counts }, batches)
    } finally {
      await lock.close()
    }
  } catch (error) {
    throw toStoreError(error, folder)
  }
}

const occupiedError = (folder: string): FfError =>
  new FfError('option_invalid', `The folder ${folder} already contains a file store.`, {
    hint: 'Name a new or empty folder; ff never overwrites a store.',
  })
