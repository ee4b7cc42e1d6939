import { FfError } from '../../errors.ts'
import type { CutoverDatabase, FileWriter } from '../../ports/cutover.ts'

/** Records in one step, of at most 4 MiB. */
const BATCH = 500

/**
 * Appends to a folder what the database has behind its head, until it has caught up. Writes go on meanwhile.
 *
 * @param writer null where an instance holds the file's lock
 * @throws FfError `chains_forked` where the folder's head is not in the database's chain, `phase_refused` without the
 *   lock, and the errors of both sides
 */
export async function rebuildMirror(
  database: CutoverDatabase,
  writer: FileWriter | null,
  signal: AbortSignal,
): Promise<void> {
  if (writer === null)
    throw new FfError(
      'phase_refused',
      'An instance holds the lock of the folder that has to be filled.',
      {
        hint: 'Stop the instances on this host, then run `ff cutover rollback --to db_authoritative`.',
      },
    )
  while (!signal.aborted) {
    const head = await writer.head()
    const changes = await database.changes(head, BATCH)
    if (changes.length === 0) return
    await writer.append(head, changes)
  }
}
