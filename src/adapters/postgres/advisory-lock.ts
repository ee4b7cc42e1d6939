import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { type ErrorCode, FfError } from '../../errors.ts'

const POLL_MS = 100

export interface AdvisoryLock {
  readonly name: string
  readonly waitMs: number
  /** For the error when another session holds the lock: its code, and the noun for that session's work. */
  readonly busy: readonly [code: ErrorCode, what: string]
}

/**
 * Holds the session-level advisory lock of a name while `work` runs, and returns its result. Waits for it at most
 * `waitMs`: polls every 100 ms instead of waiting inside the server, where a waiting session would block CREATE INDEX
 * CONCURRENTLY.
 * @throws FfError with the lock's code after `waitMs`, naming the session that holds the lock; what `work` throws,
 * after the unlock; the driver's error, unmapped
 */
export async function withAdvisoryLock<T>(
  client: pg.Client,
  lock: AdvisoryLock,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + lock.waitMs
  while (!(await tryAdvisoryLock(client, lock.name))) {
    if (performance.now() > deadline) throw await makeLockedError(client, lock)
    await sleep(POLL_MS)
  }
  try {
    return await work()
  } finally {
    await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [lock.name])
  }
}

/**
 * Takes the session-level advisory lock of a name without waiting, until an unlock or the end of the session. True
 * also if this session holds it already; false while another does.
 *
 * @throws the driver's error, unmapped
 */
export async function tryAdvisoryLock(client: pg.ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{ taken: string }>(
    'SELECT pg_try_advisory_lock(hashtextextended($1, 0))::text AS taken',
    [name],
  )
  return rows[0]?.taken === 'true'
}

async function makeLockedError(client: pg.Client, { name, busy }: AdvisoryLock): Promise<FfError> {
  const { rows } = await client.query<{ session: string }>(
    `SELECT format('pid %s (%s, %s)', a.pid, a.usename, a.application_name) AS session
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
       AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($1, 0)`,
    [name],
  )
  const [code, what] = busy
  const holder = rows[0]?.session ?? 'that session has just ended'
  return new FfError(code, `Another ${what} runs in the database ${client.database}: ${holder}.`, {
    hint: 'Run again when it has ended, or end it with SELECT pg_terminate_backend(PID).',
  })
}
