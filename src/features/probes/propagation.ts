import { setTimeout as sleep } from 'node:timers/promises'
import { percentile, roundToHundredths } from '../../core/load-stats/load.ts'
import { CHANGE_KINDS, type ChangeKind } from '../../core/feed/types.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { withHeldFeed } from './faults/held-feed.ts'
import {
  defineProbe,
  fromValue,
  type ProbeContext,
  readNumberParam,
  withParams,
} from './framework/probe.ts'
import type { StagingCaller, StagingNeeds } from './framework/staging-target.ts'
import type { ServiceInstance } from './testbed/cached-services.ts'
import { buildFlagBody } from './testbed/endpoints.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import { withMessageLoss } from './testbed/lost-messages.ts'
import {
  removeRows,
  sendChange,
  type ServiceRequest,
  withCalledInstances,
} from './testbed/called-instances.ts'

interface PropagationInput {
  readonly decorate: (adapters: Adapters) => Adapters
  /** How often each kind is sent at least. */
  readonly each: number
}

/** An instance that did not hear of a change by then has missed it. */
const GIVE_UP_MS = 4_000
const LOOK_EVERY_MS = 5
const HELD_MS = 3_000
const EACH = 3

/** Messages are lost, and the database shows a change late or never; a few changes show it. */
const held = (ms: number) =>
  withParams(
    fromValue((): PropagationInput => {
      const loss = { isOn: true, lost: 0 }
      return {
        decorate: (adapters) => withMessageLoss(withHeldFeed(adapters, loss, ms), loss),
        each: 1,
      }
    }),
    { changes: 3 },
  )
const neverTold = held(Infinity)

const NEEDS: StagingNeeds = {
  instances: 2,
  // Everything is invalidated at most once a minute for each operator.
  callers: 3,
  scopes: [
    'ff:override:write',
    'ff:registry:write',
    'ff:tenant:any',
    'ff:operator',
    'ff:approval:notify',
  ],
  changes: `it sets the flag ${GENERATED_FLAG}, which stays, overrides it for these callers until its end, and has all instances drop what they cache`,
}

/**
 * D1: the time from the answer to a change until each of some instances of the service has heard of it: those of staging
 * where they are named, else instances in this process, on a scratch database with a Redis of their own. Changes of rows,
 * by their values, and approvals, key sets and the invalidation of everything, by what the instance dropped. Kinds that did
 * not reach every instance three times are unseen. The controls lose all messages and show a change in the database after
 * three seconds, or never.
 *
 * Inconclusive (`proof_inconclusive`) where a change or an announcement is not acknowledged.
 */
export const propagation = defineProbe<
  PropagationInput,
  'p99_ms' | 'instances_missed' | 'kinds_unseen'
>({
  version: 1,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'exclusive',
  sound: fromValue((): PropagationInput => ({ decorate: (adapters) => adapters, each: EACH })),
  faulty: { p99_ms: held(HELD_MS), instances_missed: neverTold, kinds_unseen: neverTold },
  measure: ({ decorate, each }, context) => {
    const count = readNumberParam(context, 'instances')
    const wanted = { count, decorate, needs: NEEDS }
    return withCalledInstances(context, wanted, async ({ instances, callers, met }) => {
      const called = { instances, callers }
      const arrivals = [...(await changeRows(called, context)), ...(await announce(called, each))]
      const missed = new Set(arrivals.flatMap(({ missed_by }) => missed_by))
      const unseen = CHANGE_KINDS.filter(
        (kind) =>
          arrivals.filter((one) => one.kind === kind && one.missed_by.length === 0).length < each,
      )
      const [late] = arrivals.filter(({ missed_by }) => missed_by.length > 0)
      return {
        measured: {
          p99_ms: roundToHundredths(
            percentile(
              arrivals.map(({ took_ms }) => took_ms),
              0.99,
            ),
          ),
          instances_missed: missed.size,
          kinds_unseen: unseen.length,
        },
        met: { ...met, unseen: unseen.join(', ') },
        sample_size: arrivals.length,
        example:
          late === undefined
            ? null
            : `${late.kind} did not reach instance ${late.missed_by[0] ?? ''}`,
      }
    })
  },
})

/** Instances, and who asks them: the last caller is of another tenant than the first. */
interface Called {
  readonly instances: readonly ServiceInstance[]
  readonly callers: readonly StagingCaller[]
}
/** How a change arrived. */
interface Arrival {
  readonly kind: ChangeKind
  /** At the last instance, since the change was acknowledged. */
  readonly took_ms: number
  /** Numbers of the instances that have not heard of it in time. */
  readonly missed_by: readonly number[]
}

/** Waits until each instance has heard of a change. */
async function watchArrival(
  kind: ChangeKind,
  instances: readonly ServiceInstance[],
  hasHeard: (instance: ServiceInstance) => Promise<boolean>,
): Promise<Arrival> {
  const since = performance.now()
  const times = await Promise.all(
    instances.map(async (one) => {
      while (!(await hasHeard(one))) {
        if (performance.now() - since > GIVE_UP_MS) return null
        await sleep(LOOK_EVERY_MS)
      }
      return performance.now() - since
    }),
  )
  return {
    kind,
    took_ms: Math.max(...times.map((one) => one ?? GIVE_UP_MS)),
    missed_by: instances.filter((_, at) => times[at] === null).map(({ at }) => at),
  }
}

const OVERRIDE = '/v1/flags/override'
const toOverride = (value: number): string => JSON.stringify({ value })
/** A kind of row, the number of the caller that it decides for, its path, and the body of a new value. */
const ROWS = [
  {
    kind: 'flag',
    // The last one: it has no override.
    caller: 2,
    toPath: () => `/v1/flags/${GENERATED_FLAG}`,
    toBody: (value: number) =>
      buildFlagBody({ value_type: 'number', default_value: value, safe_value: 0 }),
  },
  {
    kind: 'tenant_override',
    caller: 0,
    toPath: ({ tenant_id }: StagingCaller) => toPath('tenant', tenant_id),
    toBody: toOverride,
  },
  {
    kind: 'user_override',
    caller: 1,
    toPath: ({ user_id }: StagingCaller) => toPath('user', user_id),
    toBody: toOverride,
  },
] as const
const toPath = (scope: 'tenant' | 'user', id: string): string =>
  `${OVERRIDE}/${scope}/${encodeURIComponent(id)}/${GENERATED_FLAG}`

/**
 * Changes rows of each table in turn, by each instance in turn, once all have cached the one before; removes the overrides
 * at the end. Each value is one that no earlier run has set.
 */
async function changeRows(
  { instances, callers }: Called,
  context: ProbeContext,
): Promise<readonly Arrival[]> {
  const changes = readNumberParam(context, 'changes')
  const base = context.now().getTime()
  const arrivals: Arrival[] = []
  const overridden = new Map<string, Pick<ServiceRequest, 'path' | 'headers'>>()
  try {
    for (let at = 0; at < changes && !context.signal.aborted; at += 1) {
      const { kind, caller, ...row } = ROWS[at % ROWS.length] as (typeof ROWS)[number]
      const by = callers[caller] as StagingCaller
      const { headers } = by
      for (const one of instances) await one.evaluate(headers)
      const value = base + at
      const path = row.toPath(by)
      const instance = instances[at % instances.length] as ServiceInstance
      // Also where it is not acknowledged: it may be in effect.
      if (kind !== 'flag') overridden.set(kind, { path, headers })
      await sendChange(instance, { method: 'PUT', path, headers, body: row.toBody(value) })
      arrivals.push(
        await watchArrival(kind, instances, async (one) => {
          const asked = await one.evaluate(headers)
          return asked.ok && asked.answer.value === value
        }),
      )
      context.progress(at + 1, changes)
    }
  } finally {
    await removeRows(instances[0] as ServiceInstance, overridden.values())
  }
  return arrivals
}

const INVALIDATE = '/v1/flags/cache/invalidate'
/** What changes no row: its path and body. */
const ANNOUNCED = [
  {
    kind: 'approval',
    path: '/v1/approvals/changed',
    body: { approval_ref: 'APP-1-told' },
  },
  { kind: 'jwks', path: INVALIDATE, body: { kind: 'jwks' } },
  { kind: 'global', path: INVALIDATE, body: { kind: 'global' } },
] as const

/**
 * Announces each kind so many times, each time by another caller.
 *
 * @throws FfError `proof_inconclusive` where one is refused, such as a second one of everything within a minute
 */
async function announce({ instances, callers }: Called, each: number): Promise<readonly Arrival[]> {
  const arrivals: Arrival[] = []
  for (let at = 0; at < each; at += 1)
    for (const { kind, path, body } of ANNOUNCED) {
      const by = instances[at % instances.length] as ServiceInstance
      const { headers } = callers[at % callers.length] as StagingCaller
      const before = await Promise.all(
        instances.map(async (one) => {
          await one.evaluate(headers)
          return countDropped(one, kind)
        }),
      )
      await sendChange(by, { method: 'POST', path, headers, body: JSON.stringify(body) })
      arrivals.push(
        await watchArrival(
          kind,
          instances,
          async (one) => (await countDropped(one, kind)) > (before[one.at] as number),
        ),
      )
    }
  return arrivals
}

/**
 * Grows when an instance drops something because of a kind. Of everything: what its memory holds, negative. Entries that are not
 * asked for leave it for no other reason; new readings would also show that one has ended.
 */
const countDropped = async (instance: ServiceInstance, kind: ChangeKind): Promise<number> =>
  kind === 'global'
    ? -(await instance.count('ff_cache_entries'))
    : instance.count('ff_cache_invalidations_total', { kind })
