import { setTimeout as sleep } from 'node:timers/promises'
import type { Exposition } from '../../core/alerts/exposition.ts'
import { loadAlerts } from './alert-contract.ts'
import { METRICS_ROUTE } from '../serve/health.ts'
import { defineProbe, fromValue, inContext, type ProbeContext } from './framework/probe.ts'
import { createSpoiledMetrics, createFastClock } from './faults/spoiled-metrics.ts'
import type { DeliveryFaultKind } from './testbed/faulty-store.ts'
import { type AdaptersDecorator, TestService } from './testbed/test-service.ts'

/** A metric is `still` after this: longer than the limit of the time from an event to its metric. */
const MOST_WAIT_S = 120
const EVERY_MS = 50

/** The planted faults, at a clock by which their waits are short. */
const spoiled = inContext(
  fromValue(({ now }): AdaptersDecorator => createSpoiledMetrics(now)),
  ({ now }) => ({ now: createFastClock(now) }),
)

/**
 * H1: metrics of the contract that a service in this process on a file store does not expose, and, of those that the
 * contract says move, the ones that do not change within two minutes of their event, or whose event the probe does not
 * know; and the longest wait for the others. Waits are real; a sample is a metric. The control renames one metric, hides
 * the series of another, shows a third one late, and has a fast clock.
 */
export const signals = defineProbe<
  AdaptersDecorator,
  'metrics_missing' | 'metrics_still' | 'slowest_s'
>({
  version: 2,
  site: 'scratch',
  isolation: 'parallel',
  sound: (_context, use) => use((adapters) => adapters),
  faulty: { metrics_missing: spoiled, metrics_still: spoiled, slowest_s: spoiled },
  measure: async (deps, context) => {
    const { signals: all } = await loadAlerts(context.root)
    const served = all.filter(({ process }) => process === undefined)
    const required = served.filter(({ moves }) => moves).map(({ metric }) => metric)
    const constant = served.filter(({ moves }) => !moves).map(({ metric }) => metric)
    const metricWatch = await TestService.withRunning(context, deps, async (service) => {
      const watching = new MetricWatch(service, context)
      await watching.requirePresent(constant)
      for (const metric of required) await watching.requireChange(metric)
      return watching
    })
    const { missing, still, delaysSeconds } = metricWatch
    return {
      measured: {
        metrics_missing: missing.length,
        metrics_still: still.length,
        slowest_s: delaysSeconds.length === 0 ? MOST_WAIT_S : Math.max(...delaysSeconds),
      },
      met: {
        service: 'in this process, over HTTP on loopback, on a file store',
        metrics: served.length,
        moved: delaysSeconds.length,
      },
      sample_size: served.length,
      example:
        [
          ...missing.map((one) => `${one} is not there`),
          ...still.map((one) => `${one} did not move`),
        ][0] ?? null,
    }
  },
})

/** Triggers an event. @returns its undo */
type Event = (service: TestService) => Promise<() => Promise<unknown>>
const noUndo = (): Promise<void> => Promise.resolve()
const withoutUndo =
  (work: (service: TestService) => Promise<unknown>): Event =>
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

/** Triggers the event of each metric, and watches its series. */
class MetricWatch {
  readonly missing: string[] = []
  readonly still: string[] = []
  /** Seconds from each event to the scrape that shows it. */
  readonly delaysSeconds: number[] = []
  private readonly service: TestService
  private readonly context: ProbeContext

  constructor(service: TestService, context: ProbeContext) {
    this.service = service
    this.context = context
  }

  async requirePresent(metrics: readonly string[]): Promise<void> {
    const read = await this.service.scrape()
    this.missing.push(...metrics.filter((metric) => findSeries(read, metric) === null))
  }

  async requireChange(metric: string): Promise<void> {
    const before = findSeries(await this.service.scrape(), metric)
    const event = Object.hasOwn(EVENTS, metric) ? EVENTS[metric] : undefined
    if (before === null) this.missing.push(metric)
    else if (event === undefined) this.still.push(metric)
    else await this.waitForChange(metric, before, event)
  }

  private async waitForChange(metric: string, before: string, event: Event): Promise<void> {
    const { now, signal } = this.context
    const undo = await event(this.service)
    const since = now().getTime()
    const seconds = (): number => (now().getTime() - since) / 1000
    try {
      while (seconds() < MOST_WAIT_S && !signal.aborted) {
        if (findSeries(await this.service.scrape(), metric) !== before)
          return void this.delaysSeconds.push(seconds())
        await sleep(EVERY_MS)
      }
      this.still.push(metric)
    } finally {
      await undo()
    }
  }
}

/** The series of a metric as JSON, without those that the scrape itself changes; null where the metric is missing. */
function findSeries(read: Exposition | null, metric: string): string | null {
  if (read?.ok !== true || !read.families.has(metric)) return null
  const own = read.samples.filter(
    ({ name, labels }) =>
      labels['route'] !== METRICS_ROUTE.id &&
      (name === metric || (name.startsWith(metric) && PARTS.has(name.slice(metric.length)))),
  )
  return JSON.stringify(own)
}
const PARTS: ReadonlySet<string> = new Set(['_bucket', '_sum', '_count'])
