import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { type ErrorCode, FfError } from '../../errors.ts'

const POLL_MS = 100

export interface AdvisoryLock {
  readonly name: string
  readonly waitMs: number
  /** What somebody else is doing who holds it, and the code that says so. */
  readonly busy: readonly [code: ErrorCode, what: string]
}

/**
 * Holds the session lock of a name while `work` runs. Tried again and again up to a bound and never
 * waited for inside the server, where a waiting session would hold up CREATE INDEX CONCURRENTLY.
 *
 * @throws FfError with the lock's code (24), naming who holds it
 */
export async function withAdvisoryLock<T>(
  client: pg.Client,
  lock: AdvisoryLock,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + lock.waitMs
  while (!(await tryAdvisoryLock(client, lock.name))) {
    if (performance.now() > deadline) throw await lockedBy(client, lock)
    await sleep(POLL_MS)
  }
  try {
    return await work()
  } finally {
    await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [lock.name])
  }
}

export async function tryAdvisoryLock(client: pg.ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{ taken: string }>(
    'SELECT pg_try_advisory_lock(hashtextextended($1, 0))::text AS taken',
    [name],
  )
  return rows[0]?.taken === 'true'
}

async function lockedBy(client: pg.Client, { name, busy }: AdvisoryLock): Promise<FfError> {
  const { rows } = await client.query<{ who: string }>(
    `SELECT format('pid %s (%s, %s)', a.pid, a.usename, a.application_name) AS who
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
       AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($1, 0)`,
    [name],
  )
  const [code, what] = busy
  return new FfError(code, `Another ${what} is at work: ${rows[0]?.who ?? 'it has just ended'}.`, {
    hint: 'Wait until it has ended, or end that session, and run again.',
  })
}
