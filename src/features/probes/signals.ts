import type { Measurement } from '../../core/gate/judge-measurement.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { loadAlerts } from './alert-contract.ts'
import { defineProbe, fromValue, inContext, type ProbeContext } from './framework/probe.ts'
import type { StagingCaller, StagingNeeds } from './framework/staging-target.ts'
import { createSpoiledMetrics, createFastClock } from './faults/spoiled-metrics.ts'
import type { ServiceInstance } from './testbed/cached-services.ts'
import {
  CalledInstance,
  EVENTS_OF_REQUESTS,
  putSensitiveFlag,
  SENSITIVE_PROBE_FLAG,
} from './testbed/called-events.ts'
import { withCalledInstances } from './testbed/called-instances.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import { type MetricEvent, MetricWatch, MOST_WAIT_S } from './testbed/metric-watch.ts'
import type { DeliveryFaultKind } from './testbed/faulty-store.ts'
import { type AdaptersDecorator, TestService } from './testbed/test-service.ts'

/** The planted faults, at a clock by which their waits are short. */
const spoiled = inContext(
  fromValue(({ now }): AdaptersDecorator => createSpoiledMetrics(now)),
  ({ now }) => ({ now: createFastClock(now) }),
)

const NEEDS: StagingNeeds = {
  instances: 2,
  callers: 1,
  scopes: ['ff:registry:write'],
  changes: `it sets the flags ${GENERATED_FLAG} and ${SENSITIVE_PROBE_FLAG}, which stay, evaluates them, and is refused twice`,
}

/**
 * H1: metrics of the contract that a service in this process on a file store does not expose, and, of those that the
 * contract says move, the ones that do not change within two minutes of their event, or whose event the probe does not
 * know; and the longest wait for the others. Waits are real; a sample is a metric. The control renames one metric, hides
 * the series of another, shows a third one late, and has a fast clock.
 *
 * Where instances of staging are named, each of them too has to expose every metric, and to move those that a request
 * moves (`EVENTS_OF_REQUESTS`). The others move by a fault, such as of the store or the key server, which is injected into
 * the service in this process alone; the record names them.
 *
 * Inconclusive (`proof_inconclusive`) where an instance of staging gives no decision or refuses the change of a flag.
 */
export const signals = defineProbe<
  AdaptersDecorator,
  'metrics_missing' | 'metrics_still' | 'slowest_s'
>({
  version: 2,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'parallel',
  sound: (_context, use) => use((adapters) => adapters),
  faulty: { metrics_missing: spoiled, metrics_still: spoiled, slowest_s: spoiled },
  measure: async (deps, context) => {
    const { signals: all } = await loadAlerts(context.root)
    const served = all.filter(({ process }) => process === undefined)
    const moved = served.filter(({ moves }) => moves).map(({ metric }) => metric)
    const constant = served.filter(({ moves }) => !moves).map(({ metric }) => metric)
    const here = await TestService.withRunning(context, deps, async (service) => {
      const watching = new MetricWatch(service, EVENTS, context)
      await watching.requirePresent(constant)
      for (const metric of moved) await watching.requireChange(metric)
      return watching
    })
    const there = await watchStaging(
      served.map(({ metric }) => metric),
      context,
    )
    const watches = [here, ...there.watches]
    const delays = watches.flatMap(({ delaysSeconds }) => delaysSeconds)
    const missing = new Set(watches.flatMap((one) => one.missing))
    const still = new Set(watches.flatMap((one) => one.still))
    return {
      measured: {
        metrics_missing: missing.size,
        metrics_still: still.size,
        slowest_s: delays.length === 0 ? MOST_WAIT_S : Math.max(...delays),
      },
      met: {
        service: 'in this process, over HTTP on loopback, on a file store',
        metrics: served.length,
        moved: here.delaysSeconds.length,
        ...there.met,
      },
      sample_size: served.length,
      example:
        [
          ...[...missing].map((one) => `${one} is not there`),
          ...[...still].map((one) => `${one} did not move`),
        ][0] ?? null,
    }
  },
})

interface WatchedStaging {
  readonly watches: readonly MetricWatch<CalledInstance>[]
  readonly met: Measurement['met']
}
/** Watches each instance of staging: all metrics are there, and those of requests move. Nothing without instances. */
async function watchStaging(
  served: readonly string[],
  context: ProbeContext,
): Promise<WatchedStaging> {
  if (context.targets.staging === undefined) return { watches: [], met: {} }
  const wanted = { count: NEEDS.instances, decorate: (own: Adapters) => own, needs: NEEDS }
  return withCalledInstances(context, wanted, async ({ instances, callers }) => {
    const [caller] = callers as readonly [StagingCaller]
    const [first] = instances as readonly [ServiceInstance]
    await new CalledInstance(first, caller).change()
    await putSensitiveFlag(first, caller)
    const moving = served.filter((metric) => Object.hasOwn(EVENTS_OF_REQUESTS, metric))
    const watches = await Promise.all(
      instances.map(async (instance) => {
        const called = new CalledInstance(instance, caller)
        const watching = new MetricWatch(called, EVENTS_ON_STAGING, context)
        await watching.requirePresent(served.filter((metric) => !moving.includes(metric)))
        for (const metric of moving) await watching.requireChange(metric)
        return watching
      }),
    )
    const elsewhere = Object.keys(EVENTS).filter((metric) => !moving.includes(metric))
    return {
      watches,
      met: {
        staging: `${instances.length} instances`,
        moved_on_staging: Math.min(...watches.map((one) => one.delaysSeconds.length)),
        moved_in_this_process_alone: elsewhere.join(', '),
      },
    }
  })
}

type Event<S = TestService> = MetricEvent<S>
const noUndo = (): Promise<void> => Promise.resolve()
const withoutUndo =
  <S = TestService>(work: (service: S) => Promise<unknown>): Event<S> =>
  async (service) => {
    await work(service)
    return noUndo
  }
const plain = withoutUndo((service) => service.evaluate())
/** Sends a new token twice: a cache miss, then a hit. */
const token = withoutUndo(async (service) => {
  service.renewToken()
  await service.evaluateSensitive()
  await service.evaluateSensitive()
})
const keysOlder = withoutUndo(async (service) => {
  await service.evaluateSensitive()
  await service.advance(1)
})
const change = withoutUndo((service) => service.change())
/** A fetch of the key set is due, and the key server refuses it. */
const keysAway: Event = async (service) => {
  await service.evaluateSensitive()
  await service.keyServer('refused')
  await service.advance(31)
  await service.evaluateUnverified()
  return () => service.keyServer('up')
}
/** The last good key set has expired. */
const keysLost: Event = async (service) => {
  await service.evaluateSensitive()
  await service.keyServer('refused')
  await service.advance(3_700)
  return async () => {
    await service.keyServer('up')
    await service.advance(31)
  }
}
const storeDown: Event = async ({ fault }) => {
  fault.store = 'down'
  return async () => {
    fault.store = 'none'
  }
}
const breakerOpen: Event = async ({ fault }) => {
  fault.admin = 'open'
  return async () => {
    fault.admin = 'none'
  }
}
const delivery =
  (kind: DeliveryFaultKind): Event =>
  async ({ fault }) => {
    fault.delivery = kind
    return async () => {
      fault.delivery = 'none'
    }
  }
const logBlocked: Event = async (service) => {
  service.fault.log = 'blocked'
  await service.requestUnknownPath()
  return async () => {
    service.fault.log = 'none'
  }
}
const requestsInFlight: Event = async (service) => service.hold(1)

/** The event that changes each metric. */
const EVENTS: Readonly<Record<string, Event>> = {
  ff_http_requests_total: plain,
  ff_http_request_duration_seconds: plain,
  ff_http_requests_in_flight: requestsInFlight,
  ff_http_refusals_total: withoutUndo((service) => service.requestUnknownPath()),
  ff_decisions_total: plain,
  ff_changes_total: change,
  ff_log_lines_dropped_total: logBlocked,
  ff_store_up: storeDown,
  ff_audit_head_seq: change,
  ff_audit_pending: change,
  ff_audit_failed: delivery('refused'),
  ff_audit_oldest_pending_seconds: delivery('stopped'),
  ff_jwks_fetches_total: keysAway,
  ff_jwks_fetch_failures_total: keysAway,
  ff_jwks_loaded: keysLost,
  ff_jwks_age_seconds: keysOlder,
  ff_token_cache_hits_total: token,
  ff_token_cache_misses_total: token,
  ff_token_cache_entries: token,
  ff_auth_decode_only_total: keysAway,
  ff_admin_calls_total: token,
  ff_admin_breaker: breakerOpen,
}

const EVENTS_ON_STAGING = Object.fromEntries(
  Object.entries(EVENTS_OF_REQUESTS).map(([metric, work]) => [metric, withoutUndo(work)]),
)
