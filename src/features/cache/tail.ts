import {
  type CacheMessage,
  CHANNELS,
  type DropReason,
  type ParsedMessage,
  parseMessage,
} from '../../core/cache/messages.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { RedisLinkState } from '../../ports/redis.ts'
import { getOrThrow, openRedis } from './open-redis.ts'

/** What `ff cache tail` shows: a message, one that every instance drops, or a change of the connection. */
export type CacheEvent =
  | { readonly kind: 'message'; readonly message: CacheMessage }
  | { readonly kind: 'dropped'; readonly reason: DropReason }
  | { readonly kind: 'link'; readonly state: RedisLinkState['state'] }

/**
 * Yields what arrives on the channel of invalidations until `signal` aborts, in lists that are not empty. Messages that
 * are sent while the connection is lost are not shown.
 * @param of.key the key of the HMACs
 * @throws FfError `target_invalid`, and `rights_missing` or `target_unreachable` where there is no connection at first
 */
export async function* tailCache(
  of: { readonly url: string | null; readonly key: Uint8Array; readonly adapters: Adapters },
  signal: AbortSignal,
): AsyncGenerator<readonly CacheEvent[]> {
  const redis = await openRedis(of.url, of.adapters)
  const events: CacheEvent[] = []
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
      link: ({ state }) => add({ kind: 'link', state }),
    })
    while (!signal.aborted) {
      if (events.length > 0) yield events.splice(0)
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
