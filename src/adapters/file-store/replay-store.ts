import { type LogTail, replayLog } from './log.ts'
import { parseStoredRow, readSnapshot } from './snapshot.ts'

/** What a folder holds. */
export interface OpenedFolder {
  readonly snapshot: Awaited<ReturnType<typeof readSnapshot>>
  readonly tail: LogTail
}

/**
 * Reads a folder into memory without a lock: the rows of its snapshot with the changes of the log applied, and as
 * `tail` the audit head at the end of the log and where a writer continues. A torn last line of the log is left out,
 * as its write was never acknowledged; a row that breaks its schema is kept as `broken`. The head of the snapshot
 * stays that of its file: the present one is that of `tail`. Writes nothing.
 * @param until number of the last line of the log to apply; default all
 * @throws StoreDamage or LineTooLong for damage; the system's error for a file
 */
export async function replayStore(
  folder: string,
  until = Number.POSITIVE_INFINITY,
): Promise<OpenedFolder> {
  const snapshot = await readSnapshot(folder)
  let tail: LogTail = { head: snapshot.head, epoch: 0, segment: null, size: 0, bytes: 0 }
  for await (const { changes, tail: after } of replayLog(folder, snapshot.head)) {
    if (after.head.seq > until) break
    for (const change of changes) {
      const { table, key, held } = parseStoredRow(change)
      snapshot.index.set(table, key, held)
    }
    tail = after
  }
  return { snapshot, tail }
}
