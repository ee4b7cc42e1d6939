import { formatNamespacePattern, type Namespace, NAMESPACE_NAMES } from '../../core/cache/keys.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { RedisKeyCount, RedisMemory } from '../../ports/redis.ts'
import { getOrThrow, openRedis } from './open-redis.ts'

/** Keys after which the count of a namespace ends, so that a large cache is not scanned for minutes. */
const MAX_KEYS = 1_000_000

/** What the cache in Redis holds. */
export interface CacheStats {
  readonly namespaces: readonly (RedisKeyCount & { readonly namespace: Namespace })[]
  /** The primaries: all that they hold, not the cache alone. */
  readonly servers: readonly RedisMemory[]
}

/**
 * Counts the keys of each namespace and reads the memory of each primary; reads no value.
 * @throws FfError `target_invalid`, `rights_missing`, `target_unreachable`
 */
export async function readCacheStats(url: string | null, adapters: Adapters): Promise<CacheStats> {
  const redis = await openRedis(url, adapters)
  try {
    const namespaces = []
    for (const namespace of NAMESPACE_NAMES) {
      const counted = await redis.count(formatNamespacePattern(namespace), MAX_KEYS)
      namespaces.push({ namespace, ...getOrThrow(counted) })
    }
    return { namespaces, servers: getOrThrow(await redis.memory()) }
  } finally {
    await redis.close()
  }
}
