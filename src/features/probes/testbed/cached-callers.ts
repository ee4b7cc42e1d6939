import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { closeAfter } from '../../../concurrency/open-all.ts'
import { formatRowCacheKey, KEY_PREFIX, listValueKeys } from '../../../core/cache/keys.ts'
import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import { FfError } from '../../../errors.ts'
import type { ScratchRedis } from '../../../ports/redis.ts'
import type { ProbeContext } from '../framework/probe.ts'
import type { StagingCaller, StagingNeeds } from '../framework/staging-target.ts'
import { toOverridePath } from './audited-changes.ts'
import {
  type CachedService,
  type DecorateInstance,
  type ServiceInstance,
  withCachedServices,
} from './cached-services.ts'
import { CalledInstance } from './called-events.ts'
import { sendChange, withCalledInstances } from './called-instances.ts'
import { GENERATED_FLAG } from './generated-store.ts'
import { type ListedKeys, listRedisKeys } from './redis-keys.ts'

/** Instances with one Redis, and who asks them. */
export interface CachedCallers {
  readonly instances: readonly ServiceInstance[]
  /** Callers of several tenants, each of which has another value in the end. */
  readonly callers: readonly StagingCaller[]
  /** Two callers that may override every tenant, and invalidate everything. */
  readonly operators: readonly [StagingCaller, StagingCaller]
  readonly listKeys: () => Promise<ListedKeys>
  /** Plants the faults of a control, before keys are listed. */
  readonly plant: () => Promise<void>
  /** Names of keys that the invalidation of everything has to leave. */
  readonly listKept: () => Promise<readonly string[]>
  readonly met: Measurement['met']
}

/** What is planted in a Redis of the probe's own. */
export interface PlantedKeys {
  readonly decorate: DecorateInstance
  readonly plant: (redis: ScratchRedis) => Promise<void>
}

const FOREIGN = 'other:application'
const CONTROL = `${KEY_PREFIX}ctl:{of-a-probe}`
const INSTANCES = 2
/** Callers whose ids are the same text once they are joined without care. */
const CALLERS = Array.from({ length: 10 }, (_, at) => [
  [`T-keys-${at}`, 'U-1'],
  [`T-keys-${at}`, `a:U-1`],
  [`T-keys-${at}:a`, 'U-1'],
  [`T-keys-${at}%3Aa`, 'U-1'],
]).flat()

/** Lends instances in this process, on a scratch database and a Redis of their own. */
export const withScratchCallers = <T>(
  context: ProbeContext,
  { decorate, plant }: PlantedKeys,
  use: (called: CachedCallers) => Promise<T>,
): Promise<T> =>
  withCachedServices(context, { count: INSTANCES, decorate }, ({ instances, redis, database }) =>
    closeAfter(async (keep) => {
      const client = await keep(context.adapters.connectRedis(redis.url, { deadlineMs: CALL_MS }))
      const [service] = instances as readonly [CachedService]
      const toCaller = (tenant_id: string, user_id: string, scope = ''): StagingCaller => ({
        headers: service.toHeaders({ tid: tenant_id, sub: user_id, scope }),
        tenant_id,
        user_id,
      })
      const scope = 'ff:override:write ff:tenant:any ff:operator'
      return use({
        instances,
        callers: CALLERS.map(([tenant = '', user = '']) => toCaller(tenant, user)),
        operators: [toCaller('T', 'operator-1', scope), toCaller('T', 'operator-2', scope)],
        listKeys: () => listRedisKeys(client),
        plant: () => plant(redis),
        listKept: async () => {
          for (const name of [FOREIGN, CONTROL]) await redis.set(name, 'x', 600_000)
          return [FOREIGN, CONTROL]
        },
        met: {
          service: `${INSTANCES} instances in this process, over HTTP on loopback, on a scratch database`,
          server: `PostgreSQL ${database.server}`,
          redis: `Redis ${redis.version}`,
        },
      })
    }),
  )
/** For a measurement that nothing waits for: a busy Redis is still listed. */
const CALL_MS = 2_000

/**
 * Lends the instances of staging, once their Redis is known to be that of FF_REDIS_URL: a change by each of them shows
 * there. Plants nothing; the keys that have to stay are those in the namespace of controls.
 *
 * @throws FfError `target_missing` without FF_REDIS_URL, or where an instance has another Redis; as
 *   `withCalledInstances`, and as the Redis
 */
export const withStagingCallers = <T>(
  context: ProbeContext,
  needs: StagingNeeds,
  use: (called: CachedCallers) => Promise<T>,
): Promise<T> =>
  withCalledInstances(context, { count: INSTANCES, decorate: (own) => own, needs }, (called) =>
    closeAfter(async (keep) => {
      const { instances, callers, met } = called
      const url = context.targets.staging?.redis ?? null
      if (url === null) throw makeRedisMissing('the Redis of the instances, and none is named')
      const client = await keep(context.adapters.connectRedis(url, { deadlineMs: CALL_MS }))
      const [first, second] = callers as readonly [StagingCaller, StagingCaller]
      await new CalledInstance(instances[0] as ServiceInstance, first).change()
      const listKeys = (): Promise<ListedKeys> => listRedisKeys(client)
      for (const instance of instances) await requireRedisOf(instance, first, listKeys)
      const listKept = async (): Promise<readonly string[]> =>
        (await listKeys()).own.flatMap(({ name, ttl_ms }) =>
          name.startsWith(CONTROLS) && (ttl_ms ?? Infinity) > KEPT_MS ? [name] : [],
        )
      const plant = (): Promise<void> => Promise.resolve()
      const operators = [first, second] as const
      return use({ instances, callers, operators, listKeys, plant, listKept, met })
    }),
  )
const CONTROLS = `${KEY_PREFIX}ctl:`
/** A key that expires sooner may be gone by itself at the end. */
const KEPT_MS = 20_000
const SHOWN_MS = 5_000

/** @throws FfError `target_missing` where a change by an instance leaves no mark in the Redis */
async function requireRedisOf(
  instance: ServiceInstance,
  { headers }: StagingCaller,
  listKeys: CachedCallers['listKeys'],
): Promise<void> {
  const tenant = `T-keys-${randomUUID()}`
  const path = toOverridePath(tenant)
  await sendChange(instance, { method: 'PUT', path, headers, body: JSON.stringify({ value: 1 }) })
  await sendChange(instance, { method: 'DELETE', path, headers })
  const row = formatRowCacheKey('tenant_override', { scope_id: tenant, flag_key: GENERATED_FLAG })
  const { tombstone } = listValueKeys(row)
  const until = performance.now() + SHOWN_MS
  while (performance.now() < until) {
    if ((await listKeys()).own.some(({ name }) => name === tombstone)) return
    await sleep(50)
  }
  throw makeRedisMissing(
    `the Redis of each instance, and a change by instance ${instance.at} does not show in this one`,
  )
}

const makeRedisMissing = (what: string): FfError =>
  new FfError('target_missing', `The probe needs ${what}.`, {
    hint: 'Set FF_REDIS_URL to the Redis of the instances of staging, for example with `export FF_REDIS_URL=redis://127.0.0.1:6379`.',
  })
