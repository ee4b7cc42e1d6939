import { setTimeout as sleep } from 'node:timers/promises'
import type { LockWatch } from '../../ports/database.ts'
import { connect, type DatabaseConfig } from './connect.ts'
import { mapPgErrors } from './pg-error.ts'

const PAUSE_MS = 10
const HELD = `SELECT virtualtransaction || ' ' || relation AS lock FROM pg_locks
  WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

/**
 * Polls pg_locks every 10 ms for ACCESS EXCLUSIVE locks on relations of a database, over a connection of its own,
 * until `end`. `end` stops, disconnects, and returns an upper bound in ms for the longest: a lock counts from the poll
 * before the first that saw it to the first that no longer did, and a lock that no poll saw was shorter than the
 * longest pause between two polls.
 * @throws FfError of `mapPgError`, also from `end`
 */
export async function watchLocks(database: DatabaseConfig): Promise<LockWatch> {
  const client = await mapPgErrors(database.name, () => connect(database))
  const since = new Map<string, number>()
  let [longest, before, watching] = [0, 0, true]
  const poll = async (): Promise<void> => {
    const begun = performance.now()
    const { rows } = await client.query<{ lock: string }>(HELD)
    const now = performance.now()
    const seen = new Set(rows.map(({ lock }) => lock))
    for (const lock of seen) if (!since.has(lock)) since.set(lock, before)
    for (const [lock, from] of since) {
      longest = Math.max(longest, now - from)
      if (!seen.has(lock)) since.delete(lock)
    }
    longest = Math.max(longest, now - before)
    before = begun
  }
  const watch = async (): Promise<void> => {
    while (watching) {
      await sleep(PAUSE_MS)
      await poll()
    }
  }
  return mapPgErrors(database.name, async () => {
    before = performance.now()
    const watched = watch()
    watched.catch(() => undefined) // `end` rejects with it.
    const end = async (): Promise<number> => {
      watching = false
      try {
        await watched
        return longest
      } finally {
        await client.end()
      }
    }
    return { end: () => mapPgErrors(database.name, end) }
  })
}
