import { setTimeout as sleep } from 'node:timers/promises'
import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import {
  formatNamespacePattern,
  KEY_PREFIX,
  type Namespace,
  NAMESPACE_NAMES,
} from '../../core/cache/keys.ts'
import { FfError } from '../../errors.ts'
import type { RedisKey, ScratchRedis } from '../../ports/redis.ts'
import { plantKeys, withMixedTenants } from './faults/mixed-keys.ts'
import { defineProbe, fromValue, type ProbeContext, readNumberParam } from './framework/probe.ts'
import {
  type CachedService,
  type CachedServices,
  type DecorateInstance,
  withCachedServices,
} from './testbed/cached-services.ts'

interface KeysInput {
  readonly decorate: DecorateInstance
  /** Runs before the keys are listed. */
  readonly plant: (redis: ScratchRedis) => Promise<void>
}

const INSTANCES = 2
const CONCURRENCY = 8
const mixed = fromValue((): KeysInput => ({ decorate: withMixedTenants, plant: plantKeys }))

/**
 * D4: evaluations of two instances of the service in this process, on a scratch database and a Redis of their own, for
 * tenants of which each has another value, by users that they share: keys of that Redis outside of the prefix, keys
 * without expiry, and values of another tenant; and whether one operator may invalidate everything once a minute, and
 * only what the cache holds. The control plants two keys, finds rows without their tenant, and invalidates without a
 * limit.
 *
 * Inconclusive (`proof_inconclusive`) where a request fails, no answer came from the cache, or a namespace of values was
 * never used.
 */
export const cacheKeys = defineProbe<
  KeysInput,
  'keys_outside_prefix' | 'keys_without_ttl' | 'cross_tenant_hits' | 'invalidate_limited'
>({
  version: 1,
  site: 'scratch',
  isolation: 'exclusive',
  sound: fromValue((): KeysInput => ({
    decorate: (adapters) => adapters,
    plant: () => Promise.resolve(),
  })),
  faulty: {
    keys_outside_prefix: mixed,
    keys_without_ttl: mixed,
    cross_tenant_hits: mixed,
    invalidate_limited: mixed,
  },
  measure: ({ decorate, plant }, context) =>
    withCachedServices(context, { count: INSTANCES, decorate }, async (services) => {
      const { redis, database, instances } = services
      const hits = await askAcrossTenants(services, context)
      await plant(redis)
      const keys = await redis.keys()
      requireNamespaces(keys)
      const cache_hits = await countHits(instances)
      if (!(cache_hits > 0)) throw makeUnusedError('no answer came from the cache')
      const outside = keys.filter(({ name }) => !name.startsWith(KEY_PREFIX))
      const endless = keys.filter(({ ttl_ms }) => ttl_ms === null)
      const unlimited = await findInvalidationFault(services)
      const [stray] = [...outside, ...endless]
      return {
        measured: {
          keys_outside_prefix: outside.length,
          keys_without_ttl: endless.length,
          cross_tenant_hits: hits.wrong.length,
          invalidate_limited: unlimited === null,
        },
        met: {
          service: `${INSTANCES} instances in this process, over HTTP on loopback, on a scratch database`,
          server: `PostgreSQL ${database.server}`,
          redis: `Redis ${redis.version}`,
          keys: keys.length,
          cache_hits,
        },
        sample_size: hits.requests,
        example: hits.wrong[0] ?? (stray === undefined ? unlimited : `the key ${stray.name}`),
      }
    }),
})

const countHits = async (instances: readonly CachedService[]): Promise<number> => {
  const counts = await Promise.all(instances.map((one) => one.count('ff_cache_hits_total')))
  return counts.reduce((sum, one) => sum + one, 0)
}

/** Callers whose ids are the same text once they are joined without care. */
const CALLERS = Array.from({ length: 10 }, (_, at) => [
  { tenant: `T-keys-${at}`, user: 'U-1' },
  { tenant: `T-keys-${at}`, user: `a:U-1` },
  { tenant: `T-keys-${at}:a`, user: 'U-1' },
  { tenant: `T-keys-${at}%3Aa`, user: 'U-1' },
]).flat()

/** Sends `requests` evaluations, alternating instances and tenants. */
async function askAcrossTenants(
  { instances }: CachedServices,
  context: ProbeContext,
): Promise<{ readonly requests: number; readonly wrong: readonly string[] }> {
  const requests = readNumberParam(context, 'requests')
  const values = new Map(
    [...new Set(CALLERS.map(({ tenant }) => tenant))].map((one, at) => [one, at + 1]),
  )
  const pick = (at: number): CachedService => instances[at % instances.length] as CachedService
  for (const [tenant, value] of values)
    if (!(await pick(value).put(tenant, value))) throw makeUnansweredError('a change was refused')
  const wrong: string[] = []
  const each = Array.from({ length: requests }, (_, at) => at)
  await mapConcurrently(each, CONCURRENCY, async (at) => {
    // Both instances ask for each caller: the next one takes what this one stored.
    const { tenant, user } = CALLERS[
      Math.floor(at / instances.length) % CALLERS.length
    ] as (typeof CALLERS)[number]
    const asked = await pick(at).ask(tenant, user)
    if (!asked.ok) throw makeUnansweredError(asked.why)
    const { value } = asked.answer
    if (value !== values.get(tenant)) wrong.push(`${tenant} was answered ${value}`)
    context.progress(at + 1, requests)
  })
  return { requests, wrong }
}

const makeUnansweredError = (why: string): FfError =>
  new FfError('proof_inconclusive', `An instance gave no decision: ${why}.`, {
    hint: 'Run ff probe run again on an idle or a faster machine.',
  })

/** The namespaces of values: each has to be in use for its keys to be judged. */
const VALUES: readonly Namespace[] = NAMESPACE_NAMES.filter(
  (name) => name !== 'lock' && name !== 'control',
)
const isIn = (name: string, namespace: Namespace): boolean =>
  name.startsWith(formatNamespacePattern(namespace).replace(/\*\}$/, ''))

function requireNamespaces(keys: readonly RedisKey[]): void {
  const unused = VALUES.find((one) => !keys.some(({ name }) => isIn(name, one)))
  if (unused !== undefined) throw makeUnusedError(`Redis holds no key of the namespace ${unused}`)
}

const makeUnusedError = (what: string): FfError =>
  new FfError('proof_inconclusive', `The cache was not in use: ${what}.`, {
    hint: 'Run ff probe run again on an idle or a faster machine.',
  })

const FOREIGN = 'other:application'
const CONTROL = `${KEY_PREFIX}ctl:{of-a-probe}`
const DROPPED_MS = 5_000

/** What is wrong with the invalidation of everything; null where nothing is. */
async function findInvalidationFault({ instances, redis }: CachedServices): Promise<string | null> {
  for (const name of [FOREIGN, CONTROL]) await redis.set(name, 'x', 600_000)
  const [first, second] = instances as readonly [CachedService, CachedService]
  const answers = [
    await invalidate(first, 'operator-1', 200),
    await invalidate(second, 'operator-1', 429),
    (await areDropped(redis)) ? null : 'entries were still in Redis after they were invalidated',
    await invalidate(first, 'operator-2', 200),
  ]
  const kept = (await redis.keys()).map(({ name }) => name)
  const lost = [FOREIGN, CONTROL].find((name) => !kept.includes(name))
  const fault = answers.find((one) => one !== null)
  return fault ?? (lost === undefined ? null : `the key ${lost} was deleted`)
}

/** Has everything invalidated; null where the answer has the status, and Retry-After with 429, else what it was. */
async function invalidate(
  service: CachedService,
  operator: string,
  expected: 200 | 429,
): Promise<string | null> {
  const response = await service.send({
    method: 'POST',
    path: '/v1/flags/cache/invalidate',
    headers: service.toHeaders({ sub: operator, scope: 'ff:operator' }),
    body: JSON.stringify({ kind: 'global' }),
  })
  const status = response?.status ?? 0
  if (status !== expected)
    return `invalidating everything was answered ${status} where ${expected} is due`
  const after = String(response?.headers['retry-after'])
  return expected === 200 || /^\d+$/.test(after) ? null : 'the refusal has no Retry-After'
}

async function areDropped(redis: ScratchRedis): Promise<boolean> {
  const until = performance.now() + DROPPED_MS
  while (performance.now() < until) {
    const keys = await redis.keys()
    if (!keys.some(({ name }) => VALUES.some((one) => isIn(name, one)))) return true
    await sleep(50)
  }
  return false
}
