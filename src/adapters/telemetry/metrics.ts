import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client'
import type { HttpObserver } from '../../ports/http.ts'
import type { MetricReadings, ServiceObserver, ShadowObserver } from '../../ports/telemetry.ts'
import { CounterBatch } from './counter-batch.ts'
import { registerReadings } from './reading-metrics.ts'
import { registerShadow } from './shadow-metrics.ts'

/** Upper bounds in seconds: fine around half a millisecond, up to the longest wait for a deny. */
const BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 1.5, 2,
]
/** Label of a request without a route. */
const NO_ROUTE = 'none'
const ACTIONS = ['put', 'delete'] as const
const OUTCOMES = ['applied', 'refused', 'failed'] as const

/** Counts the events of a service; `text` renders them in Prometheus text format. */
export interface Metrics {
  readonly replied: HttpObserver['replied']
  readonly observer: Pick<ServiceObserver, 'decided' | 'changed'>
  readonly shadow: ShadowObserver
  readonly text: () => Promise<string>
}

/**
 * Creates the metrics of one service in a registry of its own. `text` also takes the current readings, and appends the
 * metrics of the process; it rejects where a reading does. Label values are few and fixed: never an id, key or tenant.
 */
export function createMetrics(readings: MetricReadings): Metrics {
  const registry = new Registry()
  const { seconds, ...counters } = createCounters([registry])
  for (const action of ACTIONS)
    for (const outcome of OUTCOMES) counters.changes.inc({ action, outcome }, 0)
  const read = registerReadings([registry], readings)
  const shadow = registerShadow([registry])
  const requests = new CounterBatch(counters.requests)
  const refusals = new CounterBatch(counters.refusals)
  const decisions = new CounterBatch(counters.decisions)
  const changes = new CounterBatch(counters.changes)
  return {
    replied: ({ route, status, seconds: took, code }) => {
      requests.add(route ?? NO_ROUTE, String(status))
      seconds.observe({ route: route ?? NO_ROUTE }, took)
      if (code !== null) refusals.add(code)
    },
    observer: {
      decided: ({ decision, reason }) => decisions.add(decision, reason),
      changed: (action, outcome) => changes.add(action, outcome),
    },
    shadow: shadow.observer,
    text: async () => {
      for (const summary of [requests, refusals, decisions, changes, shadow]) summary.flush()
      await read()
      const [own, process] = await Promise.all([
        registry.metrics(),
        collectProcessMetrics().metrics(),
      ])
      return `${own.trimEnd()}\n${process}`
    },
  }
}

const createCounters = (registers: Registry[]) => ({
  requests: new Counter({
    name: 'ff_http_requests_total',
    help: 'Requests answered, by route and status.',
    labelNames: ['route', 'status'],
    registers,
  }),
  seconds: new Histogram({
    name: 'ff_http_request_duration_seconds',
    help: 'Seconds from the headers of a request to the end of its response.',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers,
  }),
  refusals: new Counter({
    name: 'ff_http_refusals_total',
    help: 'Requests refused, by error code of the contract.',
    labelNames: ['code'],
    registers,
  }),
  decisions: new Counter({
    name: 'ff_decisions_total',
    help: 'Flags decided, by decision and reason.',
    labelNames: ['decision', 'reason'],
    registers,
  }),
  changes: new Counter({
    name: 'ff_changes_total',
    help: 'Writes requested by authenticated callers, by action and outcome.',
    labelNames: ['action', 'outcome'],
    registers,
  }),
})

/** Gauges that repeat the sum of a metric by type, under the suffix that Prometheus reserves for counters. */
const MISNAMED = ['handles', 'requests', 'resources'].map((one) => `nodejs_active_${one}_total`)

let processRegistry: Registry | null = null

/**
 * The registry of the process metrics: created on the first call, then always the same one, because its collectors run
 * as long as the process.
 */
export function collectProcessMetrics(): Registry {
  if (processRegistry === null) {
    processRegistry = new Registry()
    collectDefaultMetrics({ register: processRegistry })
    for (const name of MISNAMED) processRegistry.removeSingleMetric(name)
  }
  return processRegistry
}
