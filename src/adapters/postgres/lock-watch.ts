import { setTimeout as sleep } from 'node:timers/promises'
import type { LockWatch } from '../../ports/database.ts'
import { Client } from './client.ts'
import { type DatabaseConfig, buildClientConfig } from './connect.ts'
import { mapPgErrors } from './pg-error.ts'

const PAUSE_MS = 10
const HELD = `SELECT virtualtransaction || ' ' || relation AS lock FROM pg_locks
  WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

/**
 * Looks again and again at which tables of a database somebody has to himself. A lock counts from the look
 * before it was first seen to the look that saw it gone, and one that no look saw was no longer than the
 * longest pause between two: so nothing was held longer than what comes out.
 */
export async function watchLocks(database: DatabaseConfig): Promise<LockWatch> {
  const client = new Client(buildClientConfig(database))
  client.on('error', () => undefined) // The look that is under way, or the next one, rejects with it.
  const since = new Map<string, number>()
  let [longest, before, watching] = [0, 0, true]
  const look = async (): Promise<void> => {
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
      await look()
    }
  }
  return mapPgErrors(database.name, async () => {
    await client.connect()
    before = performance.now()
    const watched = watch()
    watched.catch(() => undefined) // Whoever ends the watch is told.
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
