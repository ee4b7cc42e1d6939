import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { quoteError } from '../../core/text/quote-error.ts'
import type { Client } from './client.ts'
import { formatSessionSettings } from './pinned-settings.ts'

/** How long a notification may take from one session to another, in milliseconds. */
const NOTIFIED_WITHIN_MS = 500
const ROUNDS = 4
const CLEAN_UPS = 20

/**
 * Finds out whether a pooler keeps the session of a client until it disconnects, and if so pins the settings for the
 * session, as on a connection to the server itself.
 *
 * The proof is a notification that reaches the client while it is idle: only a client that still has its server
 * connection between two transactions can get one. That a client meets the same server process again proves nothing,
 * because a pooler without other clients hands out the same one; but a process that changes, or that another client
 * meets, is the end of it. This is asked first, so that a pooler in transaction mode is left without the listener; where
 * other clients hid it, the listener is removed from its process again.
 *
 * @param open opens another connection to the same database; it is closed before the return
 * @returns null for a session of its own, else why there is none, an error such as that of a pool without a second
 *   connection included; `client` may then be broken
 */
export async function claimSession(
  client: Client,
  open: () => Promise<Client>,
): Promise<string | null> {
  try {
    const other = await open()
    try {
      if (await isHandedOn(client, other)) return 'another client gets its server process'
      if (!(await isNotifiedIdle(client, other))) return 'no notification reaches it while idle'
    } finally {
      await other.end()
    }
    await client.query(formatSessionSettings(client.localSettings))
    client.pooler = null
    client.localSettings = ''
    return null
  } catch (error) {
    return quoteError(error)
  }
}

/** Whether the server process of a client changes, or is met by the other client too. */
async function isHandedOn(client: Client, other: Client): Promise<boolean> {
  const own = await findProcess(client)
  for (let round = 1; round <= ROUNDS; round += 1) {
    // A growing number of questions, because some poolers take the processes in turn.
    for (let asked = 0; asked < round; asked += 1)
      if ((await findProcess(other)) === own) return true
    if ((await findProcess(client)) !== own) return true
  }
  return false
}

async function isNotifiedIdle(client: Client, other: Client): Promise<boolean> {
  const channel = `ff_session_${randomBytes(8).toString('hex')}`
  const notified = new Promise<true>((resolve) => {
    client.on('notification', (message) => message.channel === channel && resolve(true))
  })
  const listener = await findProcess(client, `LISTEN ${channel}`)
  await other.query(`NOTIFY ${channel}`)
  const arrived = await Promise.race([notified, sleep(NOTIFIED_WITHIN_MS, false, { ref: false })])
  for (let tries = 0; tries < CLEAN_UPS; tries += 1) {
    const unlisten = `UNLISTEN ${channel}`
    if ((await findProcess(client, unlisten)) === listener) break
    if ((await findProcess(other, unlisten)) === listener) break
  }
  return arrived
}

/** The server process that runs a transaction of a client, which runs a statement too. */
async function findProcess(client: Client, statement = 'SELECT 1'): Promise<string | undefined> {
  const results: unknown = await client.query(
    `BEGIN; ${statement}; SELECT pg_backend_pid()::text AS pid; COMMIT`,
  )
  return (results as { readonly rows: readonly { readonly pid: string }[] }[])[2]?.rows[0]?.pid
}
