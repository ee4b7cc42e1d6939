import {
  type CacheMessage,
  CHANNELS,
  type DropReason,
  type ParsedMessage,
  parseMessage,
} from '../../core/cache/messages.ts'
import type { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { RedisLinkState } from '../../ports/redis.ts'
import { getOrThrow, makeRedisError, openRedis } from './open-redis.ts'

/** What `ff cache tail` shows: a message, one that every instance drops, or a change of the connection. */
export type CacheEvent =
  | { readonly kind: 'message'; readonly message: CacheMessage }
  | { readonly kind: 'dropped'; readonly reason: DropReason }
  | { readonly kind: 'link'; readonly state: RedisLinkState['state'] }

/**
 * Yields what arrives on the channel of invalidations until `signal` aborts, in lists that are not empty. Messages that
 * are sent while the connection is lost are not shown.
 * @param of.key the key of the HMACs
 * @throws FfError `target_invalid`, `target_unreachable` where there is no connection at first, and `rights_missing` where
 * the user may not connect or subscribe
 */
export async function* tailCache(
  of: { readonly url: string | null; readonly key: Uint8Array; readonly adapters: Adapters },
  signal: AbortSignal,
): AsyncGenerator<readonly CacheEvent[]> {
  const redis = await openRedis(of.url, of.adapters)
  const events: CacheEvent[] = []
  let denied = null as FfError | null
  let wake: () => void = () => undefined
  const add = (event: CacheEvent): void => {
    events.push(event)
    wake()
  }
  signal.addEventListener('abort', () => wake())
  try {
    getOrThrow(await redis.time())
    const mac = await of.adapters.cacheMac(of.key)
    redis.subscribe([CHANNELS.invalidate], {
      message: (_, text) => add(readEvent(parseMessage('invalidate', text, mac))),
      link: (link) => {
        if (link.state !== 'down' || link.failure !== 'denied')
          return add({ kind: 'link', state: link.state })
        denied = makeRedisError(link)
        wake()
      },
    })
    while (!signal.aborted) {
      if (events.length > 0) yield events.splice(0)
      // No message comes before the user has the right.
      else if (denied !== null) throw denied
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    await redis.close()
  }
}

const readEvent = (parsed: ParsedMessage): CacheEvent =>
  parsed.ok
    ? { kind: 'message', message: parsed.message }
    : { kind: 'dropped', reason: parsed.reason }
