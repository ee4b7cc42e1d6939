import { setTimeout as sleep } from 'node:timers/promises'
import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import { formatNamespacePattern, type Namespace, NAMESPACE_NAMES } from '../../core/cache/keys.ts'
import { CUTOVER_PHASES, PHASE_RULES } from '../../core/cutover/phases.ts'
import { FfError } from '../../errors.ts'
import { plantKeys, withMixedTenants } from './faults/mixed-keys.ts'
import { defineProbe, fromValue, type ProbeContext, readNumberParam } from './framework/probe.ts'
import type { StagingCaller, StagingNeeds } from './framework/staging-target.ts'
import { toOverridePath } from './testbed/audited-changes.ts'
import type { ServiceInstance } from './testbed/cached-services.ts'
import {
  type CachedCallers,
  type PlantedKeys,
  withScratchCallers,
  withStagingCallers,
} from './testbed/cached-callers.ts'
import { removeRows, sendChange } from './testbed/called-instances.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import type { ListedKeys } from './testbed/redis-keys.ts'

const CONCURRENCY = 8
const mixed = fromValue((): PlantedKeys => ({ decorate: withMixedTenants, plant: plantKeys }))

const NEEDS: StagingNeeds = {
  instances: 2,
  callers: 2,
  scopes: ['ff:override:write', 'ff:registry:write', 'ff:tenant:any', 'ff:operator'],
  changes: `FF_REDIS_URL: their Redis, whose database holds keys of ff alone; its user may SCAN and PTTL. It sets the flag ${GENERATED_FLAG}, which stays, overrides it for the tenants of the tokens until its end, and has all instances drop what they cache, twice`,
}

/**
 * D4: evaluations of two instances of the service in this process, on a scratch database and a Redis of their own, for
 * tenants of which each has another value, by users that they share: keys of that Redis outside of the prefix, keys
 * without expiry, and values of another tenant; and whether one operator may invalidate everything once a minute, and
 * only what the cache holds. The control plants two keys, finds rows without their tenant, and invalidates without a
 * limit.
 *
 * Where instances of staging are named, the same is measured on them and on the Redis of FF_REDIS_URL as well, by the
 * tenants and users of the tokens; ids that look alike once joined are those of the scratch database alone. Every key
 * outside of the prefix counts there. Nothing is planted in that Redis: what an invalidation has to
 * leave are the keys of the namespace of controls. A sample is an evaluation of staging.
 *
 * Of instances in a cutover the namespace of decisions is not asked for, as they cache none.
 *
 * Inconclusive (`proof_inconclusive`) where a request fails, the file decides in a cutover, no answer came from the cache, a
 * namespace of values was never used, or a tenant's value may have stayed; `target_missing` where an instance has another
 * Redis.
 */
export const cacheKeys = defineProbe<
  PlantedKeys,
  'keys_outside_prefix' | 'keys_without_ttl' | 'cross_tenant_hits' | 'invalidate_limited'
>({
  version: 1,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'exclusive',
  sound: fromValue((): PlantedKeys => ({
    decorate: (adapters) => adapters,
    plant: () => Promise.resolve(),
  })),
  faulty: {
    keys_outside_prefix: mixed,
    keys_without_ttl: mixed,
    cross_tenant_hits: mixed,
    invalidate_limited: mixed,
  },
  measure: async (planted, context) => {
    const use = (called: CachedCallers): Promise<KeyFindings> => measureKeys(called, context)
    // Staging first: what it lacks is known at once.
    const isStaged = context.targets.staging !== undefined
    const there = isStaged ? [await withStagingCallers(context, NEEDS, use)] : []
    const here = await withScratchCallers(context, planted, use)
    const all = [here, ...there]
    const sum = (of: (one: KeyFindings) => number): number =>
      all.reduce((total, one) => total + of(one), 0)
    const [staged] = there
    return {
      measured: {
        keys_outside_prefix: sum(({ outside }) => outside.length),
        keys_without_ttl: sum(({ endless }) => endless.length),
        cross_tenant_hits: sum(({ wrong }) => wrong.length),
        invalidate_limited: all.every(({ unlimited }) => unlimited === null),
      },
      met: {
        ...here.met,
        keys: here.keys,
        cache_hits: here.cache_hits,
        ...(staged === undefined
          ? {}
          : {
              staging: staged.met['service'] ?? '',
              staging_keys: staged.keys,
              staging_cache_hits: staged.cache_hits,
            }),
      },
      sample_size: (staged ?? here).requests,
      example: all.flatMap(listExamples)[0] ?? null,
    }
  },
})

interface KeyFindings extends Pick<CachedCallers, 'met'> {
  readonly requests: number
  /** What another tenant was answered. */
  readonly wrong: readonly string[]
  readonly outside: readonly string[]
  readonly endless: readonly string[]
  /** What is wrong with the invalidation of everything; null where nothing is. */
  readonly unlimited: string | null
  readonly keys: number
  readonly cache_hits: number
}
const listExamples = ({ wrong, outside, endless, unlimited }: KeyFindings): readonly string[] => [
  ...wrong,
  ...[...outside, ...endless].map((name) => `the key ${name}`),
  ...(unlimited === null ? [] : [unlimited]),
]

async function measureKeys(called: CachedCallers, context: ProbeContext): Promise<KeyFindings> {
  const { instances, callers, operators, met } = called
  const namespaces = await listUsed(instances)
  const before = await countHits(instances)
  const values = new Map([...new Set(callers.map(toTenant))].map((one, at) => [one, at + 1]))
  try {
    for (const [at, [tenant, value]] of [...values].entries())
      await sendChange(instances[at % instances.length] as ServiceInstance, {
        method: 'PUT',
        path: toOverride(tenant),
        headers: operators[0].headers,
        body: JSON.stringify({ value }),
      })
    const hits = await askAcrossTenants(called, values, context)
    await called.plant()
    const listed = await called.listKeys()
    requireNamespaces(listed, namespaces)
    const cache_hits = (await countHits(instances)) - before
    if (!(cache_hits > 0)) throw makeUnusedError('no answer came from the cache')
    return {
      ...hits,
      met,
      outside: listed.outside,
      endless: listed.own.flatMap(({ name, ttl_ms }) => (ttl_ms === null ? [name] : [])),
      unlimited: await findInvalidationFault(called, context),
      keys: listed.outside.length + listed.own.length,
      cache_hits,
    }
  } finally {
    const { headers } = operators[0]
    const rows = [...values.keys()].map((one) => ({ path: toOverride(one), headers }))
    await removeRows(instances[0] as ServiceInstance, rows)
  }
}
const toOverride = (tenant: string): string => toOverridePath(encodeURIComponent(tenant))
const toTenant = ({ tenant_id }: StagingCaller): string => tenant_id

const countHits = async (instances: readonly ServiceInstance[]): Promise<number> => {
  const counts = await Promise.all(instances.map((one) => one.count('ff_cache_hits_total')))
  return counts.reduce((sum, one) => sum + one, 0)
}

/** Sends `requests` evaluations, alternating instances and callers. */
async function askAcrossTenants(
  { instances, callers }: CachedCallers,
  values: ReadonlyMap<string, number>,
  context: ProbeContext,
): Promise<Pick<KeyFindings, 'requests' | 'wrong'>> {
  const requests = readNumberParam(context, 'requests')
  const wrong: string[] = []
  const each = Array.from({ length: requests }, (_, at) => at)
  await mapConcurrently(each, CONCURRENCY, async (at) => {
    // All instances ask for each caller: the next one takes what this one stored.
    const instance = instances[at % instances.length] as ServiceInstance
    const by = callers[Math.floor(at / instances.length) % callers.length] as StagingCaller
    const asked = await instance.evaluate(by.headers)
    if (!asked.ok) throw makeUnansweredError(asked.why)
    const { value } = asked.answer
    if (value !== values.get(by.tenant_id)) wrong.push(`${by.tenant_id} was answered ${value}`)
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

/**
 * The namespaces that instances fill: outside of a cutover all of them. In a cutover no decisions are cached, and rows
 * only reach a caller once the database decides.
 *
 * @throws FfError `proof_inconclusive` where the file decides, as no answer comes from Redis
 */
async function listUsed(instances: readonly ServiceInstance[]): Promise<readonly Namespace[]> {
  const phases = await Promise.all(
    CUTOVER_PHASES.map(async (phase) => {
      const counts = instances.map((one) => one.count('ff_cutover_phase', { phase }))
      return { phase, isNow: (await Promise.all(counts)).some((count) => count > 0) }
    }),
  )
  const now = phases.filter(({ isNow }) => isNow).map(({ phase }) => phase)
  const ofFile = now.find((phase) => PHASE_RULES[phase].authority === 'file')
  if (ofFile !== undefined)
    throw new FfError(
      'proof_inconclusive',
      `The cache was not in use: in the phase ${ofFile} the file decides.`,
      { hint: 'Run `ff cutover advance` until `ff cutover status` says db_authoritative.' },
    )
  return now.length === 0 ? VALUES : VALUES.filter((name) => name !== 'eval')
}

function requireNamespaces({ own }: ListedKeys, namespaces: readonly Namespace[]): void {
  const unused = namespaces.find((one) => !own.some(({ name }) => isIn(name, one)))
  if (unused !== undefined) throw makeUnusedError(`Redis holds no key of the namespace ${unused}`)
}

const makeUnusedError = (what: string): FfError =>
  new FfError('proof_inconclusive', `The cache was not in use: ${what}.`, {
    hint: 'Run ff probe run again on an idle or a faster machine.',
  })

const DROPPED_MS = 5_000

/** What is wrong with the invalidation of everything; null where nothing is. */
async function findInvalidationFault(
  called: CachedCallers,
  { signal }: ProbeContext,
): Promise<string | null> {
  const [first, second] = called.instances as readonly [ServiceInstance, ServiceInstance]
  const [operator, other] = called.operators
  const { fault, kept } = await invalidateInTurn(called, { by: first, operator }, signal)
  const faults = [
    fault,
    findAnswerFault(await invalidate(second, operator), 429),
    (await areDropped(called)) ? null : 'entries were still in Redis after they were invalidated',
    await findLost(called, kept),
    (await invalidateInTurn(called, { by: first, operator: other }, signal)).fault,
  ]
  return faults.find((one) => one !== null) ?? null
}

/** The longest turn that the limit of one a minute gives, with some room. */
const MOST_TURN_S = 65
/**
 * Has everything invalidated, by an operator who may have done so within the last minute: the refusal says when the next
 * one is due. Returns what was wrong, and the keys that had to stay.
 */
async function invalidateInTurn(
  called: CachedCallers,
  { by, operator }: { readonly by: ServiceInstance; readonly operator: StagingCaller },
  signal: AbortSignal,
): Promise<{ readonly fault: string | null; readonly kept: readonly string[] }> {
  const kept = await called.listKept()
  const response = await invalidate(by, operator)
  const turn_s = readRetryAfter(response)
  if (response?.status !== 429 || turn_s === null || turn_s > MOST_TURN_S)
    return { fault: findAnswerFault(response, 200), kept }
  await sleep((turn_s + 1) * 1000, undefined, { signal })
  const later = await called.listKept()
  return { fault: findAnswerFault(await invalidate(by, operator), 200), kept: later }
}

type Answer = Awaited<ReturnType<ServiceInstance['send']>>
const invalidate = (service: ServiceInstance, { headers }: StagingCaller): Promise<Answer> =>
  service.send({
    method: 'POST',
    path: '/v1/flags/cache/invalidate',
    headers,
    body: JSON.stringify({ kind: 'global' }),
  })

/** Whole seconds; null without the header, or with another text. */
function readRetryAfter(response: Answer): number | null {
  const text = String(response?.headers['retry-after'])
  return /^\d+$/.test(text) ? Number(text) : null
}

/** Null where the answer has the status, and Retry-After with 429, else what it was. */
function findAnswerFault(response: Answer, expected: 200 | 429): string | null {
  const status = response?.status ?? 0
  if (status !== expected)
    return `invalidating everything was answered ${status} where ${expected} is due`
  return expected === 200 || readRetryAfter(response) !== null
    ? null
    : 'the refusal has no Retry-After'
}

async function findLost(
  { listKeys }: CachedCallers,
  kept: readonly string[],
): Promise<string | null> {
  const { outside, own } = await listKeys()
  const there = new Set([...outside, ...own.map(({ name }) => name)])
  const lost = kept.find((name) => !there.has(name))
  return lost === undefined ? null : `the key ${lost} was deleted`
}

async function areDropped({ listKeys }: CachedCallers): Promise<boolean> {
  const until = performance.now() + DROPPED_MS
  while (performance.now() < until) {
    const { own } = await listKeys()
    if (!own.some(({ name }) => VALUES.some((one) => isIn(name, one)))) return true
    await sleep(50)
  }
  return false
}
