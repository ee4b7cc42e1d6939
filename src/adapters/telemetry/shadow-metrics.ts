import { Histogram, type Registry } from 'prom-client'
import type { ShadowObserver } from '../../ports/telemetry.ts'
import { CounterBatch } from './counter-batch.ts'
import { createMetricFactory } from './metric-factory.ts'

/** Upper bounds in seconds: a read from memory takes microseconds. */
const BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]

/**
 * Registers the metrics of the comparison of decisions. Label values are few: of a field that differs its place in the
 * decision, without what is inside a value or which entry of the chain it is.
 *
 * @returns the observer, and a function that brings the counters up to date, to call at each scrape
 */
export function registerShadow(registers: Registry[]): {
  readonly observer: ShadowObserver
  readonly flush: () => void
} {
  const { counter } = createMetricFactory(registers)
  const compared = new CounterBatch(
    counter('ff_shadow_compared_total', 'Decisions that both sides made alike, by reason.', [
      'reason',
    ]),
  )
  const diverged = counter(
    'ff_shadow_divergences_total',
    'Decisions that the two sides made differently, by field.',
    ['field'],
  )
  const inFlight = counter(
    'ff_shadow_in_flight_total',
    'Decisions whose rows reached one side after the other, within the bound.',
  )
  const dropped = counter(
    'ff_shadow_dropped_total',
    'Decisions that were not compared: too many waited.',
  )
  const failed = counter('ff_shadow_failures_total', 'Reads of the other side that failed.')
  const seconds = new Histogram({
    name: 'ff_shadow_read_duration_seconds',
    help: 'Seconds to read the rows of a decision, by side.',
    labelNames: ['side'],
    buckets: BUCKETS,
    registers,
  })
  // Both from the start, so that the first reading of a side has one before it.
  for (const side of ['file', 'db']) seconds.zero({ side })
  return {
    observer: {
      compared: (reason) => compared.add(reason),
      diverged: (field) => diverged.inc({ field: shortenField(field) }),
      inFlight: () => inFlight.inc(),
      dropped: () => dropped.inc(),
      failed: () => failed.inc(),
      answered: (side, ms) => seconds.observe({ side }, ms / 1000),
    },
    flush: () => compared.flush(),
  }
}

/** `/meta/x` of `/meta/x/…`, and the first token of any other pointer. */
function shortenField(field: string): string {
  const [, first, second] = field.split('/')
  if (first === undefined) return field
  return first === 'meta' && second !== undefined ? `/${first}/${second}` : `/${first}`
}
