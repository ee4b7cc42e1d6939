import type { Adapters } from '../../../ports/adapters.ts'
import type { RowCache } from '../../../ports/cache.ts'
import type { RouteResponse } from '../../../ports/http.ts'
import type { ScratchRedis } from '../../../ports/redis.ts'
import type { DecorateInstance } from '../testbed/cached-services.ts'
import { overrideCache } from './broken-cache.ts'

/** Planted faults of D4: a key outside of the prefix, and one inside without expiry. */
export async function plantKeys(redis: ScratchRedis): Promise<void> {
  await redis.set('stray', 'x', 600_000)
  await redis.set('ptt:ff:flag:{endless}', 'x', null)
}

/**
 * Planted faults of D4: a cache that finds rows by flag and user alone, and a service that invalidates whatever is asked,
 * as often as it is asked.
 */
export const withMixedTenants: DecorateInstance = (adapters) =>
  ({
    ...adapters,
    openRowCache: async (options) => findWithoutTenant(await adapters.openRowCache(options)),
    openServer: (routes, options) =>
      adapters.openServer(
        routes.map((route) =>
          route.id === 'cache.invalidate' ? { ...route, handle: acknowledge } : route,
        ),
        options,
      ),
  }) satisfies Adapters

const acknowledge = (): Promise<RouteResponse> =>
  Promise.resolve({
    status: 200,
    type: 'application/json',
    headers: {},
    text: '{"seq":1}',
    code: null,
  })

function findWithoutTenant(cache: RowCache): RowCache {
  const kept = new Map<string, ReturnType<RowCache['read']>>()
  return overrideCache(cache, {
    decisions: {
      find: () => Promise.resolve(null),
      offer: (facts, decision) => cache.decisions.offer(facts, decision),
    },
    read: (query) => {
      const name = JSON.stringify([query.flag_key, query.user_id])
      const rows = kept.get(name) ?? cache.read(query)
      kept.set(name, rows)
      return rows
    },
  })
}
