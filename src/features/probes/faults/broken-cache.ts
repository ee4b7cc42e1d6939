import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { RowCache } from '../../../ports/cache.ts'
import type { RedisClient, RedisLinkState } from '../../../ports/redis.ts'
import type { DecorateInstance } from '../testbed/cached-services.ts'

/** Calls `lost` whenever the connection to Redis is lost. */
const watchLoss = (
  adapters: Adapters,
  lost: (client: RedisClient) => void,
): Pick<Adapters, 'connectRedis'> => ({
  connectRedis: async (url, options) => {
    let client: RedisClient | null = null
    const onLink = (state: RedisLinkState): void => {
      options?.onLink?.(state)
      if (state.state === 'down' && client !== null) lost(client)
    }
    client = await adapters.connectRedis(url, { ...options, onLink })
    return client
  },
})

/** A planted fault of D3: an instance that ends when it loses Redis. */
export const endWithoutRedis: DecorateInstance = (adapters, { end }) => ({
  ...adapters,
  ...watchLoss(adapters, end),
})

/**
 * The planted faults of D3: a client that does not connect again, and a cache that, while Redis is away, rejects each
 * fifth read and answers the others with the rows that it read last, however old.
 */
export const withoutWayRound: DecorateInstance = (adapters) => ({
  ...adapters,
  ...watchLoss(adapters, (client) => void client.close()),
  openRowCache: async (options) =>
    answerWithOldRows(await adapters.openRowCache(options), () => options.redis.isUp()),
})

const REJECTED = 5

function answerWithOldRows(cache: RowCache, isUp: () => boolean): RowCache {
  const kept = new Map<string, Awaited<ReturnType<RowCache['read']>>>()
  let reads = 0
  return overrideCache(cache, {
    decisions: {
      find: async (facts) => (isUp() ? cache.decisions.find(facts) : null),
      offer: (facts, decision) => cache.decisions.offer(facts, decision),
    },
    read: async (query) => {
      const name = JSON.stringify(query)
      const old = kept.get(name)
      if (isUp() || old === undefined) {
        const rows = await cache.read(query)
        kept.set(name, rows)
        return rows
      }
      reads += 1
      if (reads % REJECTED !== 0) return old
      throw new FfError('backing_unavailable', 'The cache rejected a read.', {
        hint: 'A control of a probe injects this error.',
      })
    },
  })
}

/** A cache with some members replaced. */
export const overrideCache = (cache: RowCache, change: Partial<RowCache>): RowCache => ({
  kind: cache.kind,
  decisions: cache.decisions,
  read: (query) => cache.read(query),
  readMany: (query) => cache.readMany(query),
  apply: (entry) => cache.apply(entry),
  distrust: () => cache.distrust(),
  reset: () => cache.reset(),
  trust: (position, until) => cache.trust(position, until),
  metrics: () => cache.metrics(),
  close: () => cache.close(),
  ...change,
})
