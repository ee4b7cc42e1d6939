import { randomUUID } from 'node:crypto'
import type { FeedListener } from '../../ports/store.ts'
import type { Client } from './client.ts'
import { connect, type DatabaseConfig } from './connect.ts'
import { FEED_CHANNEL } from './statements.ts'

/** How long an own notification may take; then this connection has no session that could receive any. */
const OWN_MS = 1_000
/** Pause before the next connection, after one was lost or receives nothing. */
const AGAIN_MS = 1_000
const NO_SESSION_MS = 60_000

/**
 * Listens on one connection of its own for new rows of the feed, and connects again when it is lost; a notification
 * only wakes, so its payload is ignored. `wake` is also called after each connect. Returns at once and never throws.
 */
export function listenToFeed(database: DatabaseConfig, wake: () => void): FeedListener {
  let client: Client | null = null
  let timer: NodeJS.Timeout | null = null
  let arrives = false
  let closed = false
  const again = (ms: number): void => {
    if (!closed) timer = setTimeout(run, ms).unref()
  }
  const run = (): void => {
    open().then(
      (ms) => (ms === null ? undefined : again(ms)),
      () => again(AGAIN_MS),
    )
  }
  /** @returns the pause before the next try; null where notifications arrive */
  const open = async (): Promise<number | null> => {
    const opened = await connect(database)
    client = opened
    // Without a session the next transaction runs elsewhere, and LISTEN would stay behind there.
    const heard =
      !closed &&
      opened.pooler === null &&
      (await hearsItself(opened).catch(async (error: unknown) => {
        await opened.end()
        throw error
      }))
    if (!heard || closed) {
      await opened.end()
      return NO_SESSION_MS
    }
    arrives = true
    opened.on('notification', wake)
    const lost = (): void => {
      if (!arrives || client !== opened) return
      arrives = false
      again(AGAIN_MS)
    }
    opened.on('error', lost)
    opened.on('end', lost)
    // What came before was not heard.
    wake()
    return null
  }
  run()
  return {
    arrives: () => arrives,
    close: async () => {
      closed = true
      arrives = false
      if (timer !== null) clearTimeout(timer)
      await client?.end()
    },
  }
}

/** Whether a notification that this connection sends comes back over it. */
async function hearsItself(client: Client): Promise<boolean> {
  client.on('error', () => undefined) // The query rejects.
  const own = randomUUID()
  let late: NodeJS.Timeout | undefined
  const heard = new Promise<boolean>((resolve) => {
    client.on('notification', ({ payload }) => payload === own && resolve(true))
    late = setTimeout(() => resolve(false), OWN_MS)
  })
  try {
    await client.query(`LISTEN ${FEED_CHANNEL}`)
    await client.query('SELECT pg_notify($1, $2)', [FEED_CHANNEL, own])
    return await heard
  } finally {
    clearTimeout(late)
  }
}
