import type pg from 'pg'
import { FfError } from '../../errors.ts'

/** Held shared by each write, and exclusively by a change of the authority. */
const KEY = `hashtextextended('ff switch', 0)`
/** lock_not_available: `lock_timeout` has passed. */
const TIMED_OUT = '55P03'

/**
 * Takes the switch lock, shared, until the end of the transaction that the client is in. Writes do not wait for each
 * other; behind a session that waits for the lock exclusively they queue, so that it gets its turn.
 *
 * @param boundMs how long to wait
 * @throws FfError `lock_timeout` after the bound, when the transaction has failed; the driver's error, unmapped
 */
export async function shareSwitchLock(client: pg.ClientBase, boundMs: number): Promise<void> {
  await Promise.all([
    client.query(`SET LOCAL lock_timeout = ${Math.ceil(boundMs)}`),
    bounded(boundMs, () => client.query(`SELECT pg_advisory_xact_lock_shared(${KEY})`)),
  ])
}

/**
 * Takes the switch lock exclusively, until `unlockSwitch` or the end of the session: no write is under way then, and none
 * begins. Waits inside the server, because a session that polls would never get its turn between writes.
 *
 * @throws FfError `lock_timeout` where writes under way do not end within the bound; the driver's error, unmapped
 */
export async function lockSwitch(client: pg.ClientBase, boundMs: number): Promise<void> {
  await client.query(`SET lock_timeout = ${Math.ceil(boundMs)}`)
  try {
    await bounded(boundMs, () => client.query(`SELECT pg_advisory_lock(${KEY})`))
  } finally {
    await client.query('RESET lock_timeout')
  }
}

/** Frees the switch lock of the session. @throws the driver's error, unmapped */
export async function unlockSwitch(client: pg.ClientBase): Promise<void> {
  await client.query(`SELECT pg_advisory_unlock(${KEY})`)
}

/** As `lockSwitch`, until the end of the transaction that the client is in. */
export async function lockSwitchLocally(client: pg.ClientBase, boundMs: number): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = ${Math.ceil(boundMs)}`)
  await bounded(boundMs, () => client.query(`SELECT pg_advisory_xact_lock(${KEY})`))
}

async function bounded(boundMs: number, lock: () => Promise<unknown>): Promise<void> {
  try {
    await lock()
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === TIMED_OUT)) throw cause
    throw new FfError('lock_timeout', `The switch lock is not free within ${boundMs / 1000} s.`, {
      hint: `Look for the sessions that hold it: SELECT pid, mode, granted FROM pg_locks WHERE locktype = 'advisory'.`,
      cause,
    })
  }
}
