import { computeRises, estimateQuantile, selectSamples } from '../alerts/series.ts'
import type { Sample, Scrape, Selector } from '../alerts/types.ts'
import type { Instant } from '../rows/instant.ts'
import type { ObservedMinute, Resource, ResourceUse, SideLatency } from './minute.ts'
import { RESOURCES, UNMEASURED } from './minute.ts'

/** What one instance said at the end of a minute; null where it did not answer. */
export interface InstanceReading {
  readonly scrape: Scrape
  /** What it says it is, as a digest. */
  readonly identity: string
}
/** The readings of the instances at both ends of a minute, in one order. */
export interface MinuteReadings {
  readonly before: readonly (InstanceReading | null)[]
  readonly after: readonly (InstanceReading | null)[]
  /** Connections of the database in use, and the most; null where it did not answer. */
  readonly connections: ResourceUse | null
}
type Terms = Pick<ObservedMinute, 'minute' | 'measured_ms' | 'disturbed_by'> & {
  readonly minute: Instant
}

const EVALUATE_ROUTES = ['flags.evaluate', 'ofrep.evaluate', 'ofrep.evaluate_all']
const FAILED = ['500', '503', '504', '507']
const of = (metric: string, labels: Selector['labels'] = {}): Selector => ({ metric, labels })
const REQUESTS = of('ff_http_requests_total', { route: EVALUATE_ROUTES })
const ERRORS = of('ff_http_requests_total', { route: EVALUATE_ROUTES, status: FAILED })
const STARTED = of('process_start_time_seconds')
/** Whether an instance says when it was started: else a restart is not seen, and the page may be cut short. */
export const hasStart = (scrape: Scrape): boolean => selectSamples(scrape, STARTED).length > 0
const USED: Readonly<
  Record<Exclude<Resource, 'connections'>, readonly [used: string, limit: string]>
> = {
  memory: ['process_resident_memory_bytes', 'ff_memory_limit_bytes'],
  disk: ['ff_store_disk_used_bytes', 'ff_store_disk_size_bytes'],
}

/**
 * The minute between two readings of each instance. An instance that was started in between counts from 0; one that did not
 * answer at an end counts as an error, since what it did is not known.
 */
export function foldMinute(
  { before, after, connections }: MinuteReadings,
  terms: Terms,
): ObservedMinute {
  const pairs = after.map((reading, at) => toPair(before[at] ?? null, reading))
  const known = pairs.filter((pair) => pair !== null)
  const sum = (selector: Selector): number =>
    known.reduce((total, pair) => total + countRise(pair, selector), 0)
  const byLabel = (metric: string, label: string): Record<string, number> =>
    sumByLabel(known, of(metric), label)
  const last = after.filter((reading) => reading !== null)
  return {
    ...terms,
    identities: [...new Set(last.map(({ identity }) => identity))].sort(),
    instances: last.length,
    restarts: known.filter(({ isNew }) => isNew).length,
    compared: byLabel('ff_shadow_compared_total', 'reason'),
    divergences: byLabel('ff_shadow_divergences_total', 'field'),
    in_flight: sum(of('ff_shadow_in_flight_total')),
    dropped: sum(of('ff_shadow_dropped_total')) + sum(of('ff_shadow_failures_total')),
    requests: sum(REQUESTS),
    errors: sum(ERRORS) + (pairs.length - known.length),
    latency: { file: readLatency(known, 'file'), database: readLatency(known, 'db') },
    lag_ms: readPeak(last, 'ff_cutover_lag_seconds', 1000),
    resources: readResources(last, connections),
    drill: last.some(({ scrape }) =>
      selectSamples(scrape, of('ff_cutover_drill')).some(({ value }) => value > 0),
    ),
  }
}

interface Pair {
  readonly before: Scrape
  readonly after: Scrape
  readonly isNew: boolean
}
const EMPTY: Scrape = { at_ms: 0, samples: [] }

function toPair(before: InstanceReading | null, after: InstanceReading | null): Pair | null {
  if (before === null || after === null) return null
  const isNew = sumOf(before.scrape, STARTED) !== sumOf(after.scrape, STARTED)
  return { before: isNew ? EMPTY : before.scrape, after: after.scrape, isNew }
}

const sumOf = (scrape: Scrape, selector: Selector): number =>
  selectSamples(scrape, selector).reduce((sum, { value }) => sum + value, 0)
const countRise = ({ before, after }: Pair, selector: Selector): number =>
  Math.max(0, sumOf(after, selector) - sumOf(before, selector))

function sumByLabel(
  pairs: readonly Pair[],
  { metric }: Selector,
  label: string,
): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const pair of pairs)
    for (const value of listLabels(pair.after.samples, metric, label)) {
      const risen = countRise(pair, of(metric, { [label]: [value] }))
      if (risen > 0) sums[value] = (sums[value] ?? 0) + risen
    }
  return sums
}
const listLabels = (samples: readonly Sample[], metric: string, label: string): readonly string[] =>
  samples.flatMap(({ name, labels }) => (name === metric ? [labels[label] ?? ''] : []))

function readLatency(pairs: readonly Pair[], side: 'file' | 'db'): SideLatency {
  const buckets = pairs.flatMap(({ before, after, isNew }) =>
    computeRises(
      [isNew ? toZero(after) : before, after],
      of('ff_shadow_read_duration_seconds_bucket', { side: [side] }),
    ),
  )
  const quantile = (share: number): number | null => {
    const seconds = estimateQuantile(buckets, share)
    return seconds === null ? null : Math.round(seconds * 1e5) / 100
  }
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) }
}
const toZero = ({ at_ms, samples }: Scrape): Scrape => ({
  at_ms: at_ms - 1,
  samples: samples.map((one) => ({ ...one, value: 0 })),
})

function readPeak(readings: readonly InstanceReading[], metric: string, by = 1): number | null {
  const values = readings.flatMap(({ scrape }) =>
    selectSamples(scrape, of(metric)).map(({ value }) => value * by),
  )
  return values.length === 0 ? null : Math.max(...values)
}

function readResources(
  readings: readonly InstanceReading[],
  connections: ResourceUse | null,
): ObservedMinute['resources'] {
  const peak = (resource: Exclude<Resource, 'connections'>): ResourceUse => {
    const [used, limit] = USED[resource]
    const uses = readings.flatMap(({ scrape }): ResourceUse[] => {
      const [most, now] = [sumOf(scrape, of(limit)), sumOf(scrape, of(used))]
      return most > 0 ? [{ used: now, limit: most }] : []
    })
    return uses.toSorted((a, b) => b.used / b.limit - a.used / a.limit)[0] ?? UNMEASURED
  }
  const found = {
    memory: peak('memory'),
    disk: peak('disk'),
    connections: connections ?? UNMEASURED,
  }
  return Object.fromEntries(RESOURCES.map((one) => [one, found[one]])) as typeof found
}
