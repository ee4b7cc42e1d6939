import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { RedisListener } from '../../ports/redis.ts'
import { CLOSE_MS, getRetryDelayMs } from './clients.ts'
import { toRedisFault } from './faults.ts'

/** A half-open connection is found by a PING without a reply. */
const PING_MS = 1_000

/**
 * Holds a subscription until `signal` aborts: opens a client, subscribes, and begins anew when the connection ends. Never
 * rejects.
 *
 * @param open opens a client that does not connect again by itself @param open.attempt counts from 0
 */
export async function holdSubscription(
  open: (attempt: number) => Redis,
  {
    channels,
    listener,
  }: { readonly channels: readonly string[]; readonly listener: RedisListener },
  signal: AbortSignal,
): Promise<void> {
  let wasUp = false
  let failures = 0
  // A right that is missing is told apart from the loss before it: no new attempt mends it.
  let wasDenied = false
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const client = open(attempt)
    const ended = watchEnd(client, signal)
    client.on('message', (channel, text) => listener.message(channel, text))
    let refusal: unknown = null
    try {
      await client.connect()
      await client.subscribe(...channels)
      listener.link({ state: wasUp ? 'reconnected' : 'up' })
      wasUp = true
      failures = 0
    } catch (error) {
      refusal = error
      client.disconnect()
    }
    // The end of a connection tells why, unless a command was refused on it.
    const { ok: _, ...fault } = toRedisFault((await ended) ?? refusal)
    if (signal.aborted) return
    const isDenied = fault.failure === 'denied'
    if (failures === 0 || (isDenied && !wasDenied)) listener.link({ state: 'down', ...fault })
    wasDenied = isDenied
    failures += 1
    await sleep(getRetryDelayMs(failures), null, { signal }).catch(() => null)
  }
}

/** Resolves once the connection of a client has ended, with its last error, or null. */
function watchEnd(client: Redis, signal: AbortSignal): Promise<unknown> {
  let last: unknown = null
  client.on('error', (error) => (last = error))
  // The answer is not needed: without one the client ends its connection.
  const pings = setInterval(() => void client.ping().catch(() => null), PING_MS)
  return new Promise((resolve) => {
    const finish = (): void => {
      clearInterval(pings)
      signal.removeEventListener('abort', disconnect)
      resolve(last)
    }
    const disconnect = (): void => {
      client.disconnect()
      setTimeout(finish, CLOSE_MS).unref()
    }
    signal.addEventListener('abort', disconnect)
    client.once('end', finish)
  })
}
