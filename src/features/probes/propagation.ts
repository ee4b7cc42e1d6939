import { setTimeout as sleep } from 'node:timers/promises'
import { percentile, roundToHundredths } from '../../core/load-stats/load.ts'
import { CHANGE_KINDS, type ChangeKind } from '../../core/feed/types.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { withHeldFeed } from './faults/held-feed.ts'
import {
  defineProbe,
  fromValue,
  type ProbeContext,
  readNumberParam,
  withParams,
} from './framework/probe.ts'
import { type CachedService, withCachedServices } from './testbed/cached-services.ts'
import { buildFlagBody } from './testbed/endpoints.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import { withMessageLoss } from './testbed/lost-messages.ts'

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

/**
 * D1: the time from the answer to a change until each of some instances of the service in this process, on a scratch
 * database with a Redis of their own, has heard of it: changes of rows, by their values, and approvals, key sets and the
 * invalidation of everything, by what the instance dropped. Kinds that did not reach every instance three times are
 * unseen. The controls lose all messages and show a change in the database after three seconds, or never.
 *
 * Inconclusive (`proof_inconclusive`) where a change of a row is not acknowledged.
 */
export const propagation = defineProbe<
  PropagationInput,
  'p99_ms' | 'instances_missed' | 'kinds_unseen'
>({
  version: 1,
  site: 'scratch',
  isolation: 'exclusive',
  sound: fromValue((): PropagationInput => ({ decorate: (adapters) => adapters, each: EACH })),
  faulty: { p99_ms: held(HELD_MS), instances_missed: neverTold, kinds_unseen: neverTold },
  measure: ({ decorate, each }, context) => {
    const count = readNumberParam(context, 'instances')
    return withCachedServices(context, { count, decorate }, async ({ instances, ...services }) => {
      const arrivals = [
        ...(await changeRows(instances, context)),
        ...(await announce(instances, each)),
      ]
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
        met: {
          service: `${count} instances in this process, over HTTP on loopback, on a scratch database`,
          server: `PostgreSQL ${services.database.server}`,
          redis: `Redis ${services.redis.version}`,
          unseen: unseen.join(', '),
        },
        sample_size: arrivals.length,
        example:
          late === undefined
            ? null
            : `${late.kind} did not reach instance ${late.missed_by[0] ?? ''}`,
      }
    })
  },
})

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
  instances: readonly CachedService[],
  hasHeard: (instance: CachedService) => Promise<boolean>,
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

const WRITER = { scope: 'ff:override:write ff:registry:write ff:tenant:any' }
const OVERRIDE = '/v1/flags/override'
const toOverride = (value: number): string => JSON.stringify({ value })
/** A kind of row, its path, the caller that it decides for, and the body of a new value. */
const ROWS = [
  {
    kind: 'tenant_override',
    path: `${OVERRIDE}/tenant/T-told/${GENERATED_FLAG}`,
    caller: ['T-told', 'U-other'],
    toBody: toOverride,
  },
  {
    kind: 'user_override',
    path: `${OVERRIDE}/user/U-told/${GENERATED_FLAG}`,
    caller: ['T-other', 'U-told'],
    toBody: toOverride,
  },
  {
    kind: 'flag',
    path: `/v1/flags/${GENERATED_FLAG}`,
    caller: ['T-other', 'U-other'],
    toBody: (value: number) =>
      buildFlagBody({ value_type: 'number', default_value: value, safe_value: 0 }),
  },
] as const

/** Changes rows of each table in turn, by each instance in turn, once all have cached the one before. */
async function changeRows(
  instances: readonly CachedService[],
  context: ProbeContext,
): Promise<readonly Arrival[]> {
  const changes = readNumberParam(context, 'changes')
  const arrivals: Arrival[] = []
  for (let at = 0; at < changes && !context.signal.aborted; at += 1) {
    const { kind, path, caller, toBody } = ROWS[at % ROWS.length] as (typeof ROWS)[number]
    const [tenant, user] = caller
    for (const one of instances) await one.ask(tenant, user)
    const value = at + 1
    const by = instances[at % instances.length] as CachedService
    const headers = by.toHeaders(WRITER)
    const done = await by.send({
      method: 'PUT',
      path,
      headers,
      body: toBody(value),
    })
    if (done === null || done.status >= 300)
      throw new FfError(
        'proof_inconclusive',
        `A change was answered ${done?.text ?? 'not at all'}.`,
        {
          hint: 'Run ff serve on a scratch store, and send it the same request.',
        },
      )
    arrivals.push(
      await watchArrival(kind, instances, async (one) => {
        const asked = await one.ask(tenant, user)
        return asked.ok && asked.answer.value === value
      }),
    )
    context.progress(at + 1, changes)
  }
  return arrivals
}

const INVALIDATE = '/v1/flags/cache/invalidate'
/** What changes no row: its path, scope and body. */
const ANNOUNCED = [
  {
    kind: 'approval',
    path: '/v1/approvals/changed',
    scope: 'ff:approval:notify',
    body: { approval_ref: 'APP-1-told' },
  },
  { kind: 'jwks', path: INVALIDATE, scope: 'ff:operator', body: { kind: 'jwks' } },
  { kind: 'global', path: INVALIDATE, scope: 'ff:operator', body: { kind: 'global' } },
] as const

/** Announces each kind so many times, each time by another caller. One that is refused has reached no instance. */
async function announce(
  instances: readonly CachedService[],
  each: number,
): Promise<readonly Arrival[]> {
  const arrivals: Arrival[] = []
  for (let at = 0; at < each; at += 1)
    for (const { kind, path, scope, body } of ANNOUNCED) {
      const by = instances[at % instances.length] as CachedService
      const before = await Promise.all(
        instances.map(async (one) => {
          await one.ask('T-told', 'U-other')
          return countDropped(one, kind)
        }),
      )
      const headers = by.toHeaders({ scope, sub: `operator-${at}` })
      const done = await by.send({ method: 'POST', path, headers, body: JSON.stringify(body) })
      arrivals.push(
        done?.status === 200
          ? await watchArrival(
              kind,
              instances,
              async (one) => (await countDropped(one, kind)) > (before[one.at] ?? 0),
            )
          : { kind, took_ms: GIVE_UP_MS, missed_by: instances.map((one) => one.at) },
      )
    }
  return arrivals
}

/**
 * Grows when an instance drops something because of a kind. Of everything: what its memory holds, negative. Entries that are not
 * asked for leave it for no other reason; new readings would also show that one has ended.
 */
const countDropped = async (instance: CachedService, kind: ChangeKind): Promise<number> =>
  kind === 'global'
    ? -(await instance.count('ff_cache_entries'))
    : instance.count('ff_cache_invalidations_total', { kind })
