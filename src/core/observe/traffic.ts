import { computeRises, estimateQuantile, selectSamples } from '../alerts/series.ts'
import type { Sample, Scrape, Selector } from '../alerts/types.ts'
import { instantFromMs } from '../rows/instant.ts'
import { foldMinute, type InstanceReading } from './fold.ts'
import { type ObservedMinute, sumCounts } from './minute.ts'

/** The instances at one moment, always in one order; null for one that did not answer. */
export interface TrafficReading {
  readonly at_ms: number
  readonly readings: readonly (InstanceReading | null)[]
}

/** An instance, by its own admin port. */
export interface WatchedInstance {
  /** Origin of the admin port. */
  readonly admin: string
  readonly answers: boolean
  /** Null outside of a cutover, and where it does not answer; so are `epoch` and `writer`. */
  readonly phase: string | null
  readonly epoch: number | null
  readonly writer: boolean | null
}

/** What the instances do now: rates and latencies over the window, other counts since each instance was started. */
export interface WatchedTraffic {
  /** 0 before there is a second reading: nothing is known of rates and latencies then. */
  readonly window_s: number
  readonly instances: readonly WatchedInstance[]
  readonly latency: ObservedMinute['latency']
  readonly requests: number
  readonly errors: number
  /** Requests that change rows, those that waited for a switch too; `p99_ms` is null without any. */
  readonly writes: { readonly count: number; readonly p99_ms: number | null }
  readonly compared: number
  readonly dropped: number
  readonly divergences: ObservedMinute['divergences']
  /** How far the second side is behind, by the writer; null without a second side. */
  readonly lag: { readonly changes: number; readonly ms: number } | null
  /** Null where no instance tells. */
  readonly audit: {
    readonly pending: number
    readonly failed: number
    readonly oldest_s: number | null
  } | null
}

/**
 * Whether the instances differed since their start. `not_known`: one does not answer, so what it found is not counted;
 * `not_compared`: all answer, and none has compared anything.
 */
export type DivergenceState = 'differ' | 'not_known' | 'not_compared' | 'none'
export function findDivergenceState({
  divergences,
  instances,
  compared,
}: Pick<WatchedTraffic, 'divergences' | 'instances' | 'compared'>): DivergenceState {
  if (Object.keys(divergences).length > 0) return 'differ'
  if (instances.some(({ answers }) => !answers)) return 'not_known'
  return compared === 0 ? 'not_compared' : 'none'
}

/** How long rates and latencies look back. */
export const TRAFFIC_WINDOW_MS = 30_000

const WRITE_ROUTES = [
  'flags.put',
  'flags.delete',
  'flags.transition',
  'flags.rollback',
  'tenant_overrides.put',
  'tenant_overrides.delete',
  'tenant_overrides.rollback',
  'user_overrides.put',
  'user_overrides.delete',
  'user_overrides.rollback',
]
const WRITES: Selector = {
  metric: 'ff_http_request_duration_seconds_bucket',
  labels: { route: WRITE_ROUTES },
}
/** Stands for an instance before its start, so that everything that it counted is new. */
const UNSTARTED: InstanceReading = { scrape: { at_ms: 0, samples: [] }, identity: '' }

/** The readings that the next window needs: those within it, and the one at which it begins. */
export function keepWindow(
  readings: readonly TrafficReading[],
  now_ms: number,
): readonly TrafficReading[] {
  const inside = readings.findIndex(({ at_ms }) => at_ms > now_ms - TRAFFIC_WINDOW_MS)
  return inside === -1 ? readings.slice(-1) : readings.slice(Math.max(0, inside - 1))
}

/**
 * Sums up what the instances do.
 *
 * @param admins origins of the admin ports, in the order of the readings
 * @param readings the last one, and those before it, oldest first
 */
export function summarizeTraffic(
  admins: readonly string[],
  { before, last }: { readonly before: readonly TrafficReading[]; readonly last: TrafficReading },
): WatchedTraffic {
  const [first] = before
  const whole = fold({ ...last, readings: last.readings.map(() => UNSTARTED) }, last)
  const scrapes = last.readings.flatMap((one) => (one === null ? [] : [one.scrape]))
  return {
    instances: admins.map((admin, at) => ({
      admin,
      ...describe(last.readings[at] as InstanceReading | null),
    })),
    ...(first === undefined ? NO_WINDOW : sumWindow(first, last)),
    compared: sumCounts(whole.compared),
    dropped: whole.dropped,
    divergences: whole.divergences,
    lag: findLag(scrapes),
    audit: findBacklog(scrapes),
  }
}

type Window = Pick<WatchedTraffic, 'window_s' | 'latency' | 'requests' | 'errors' | 'writes'>
const UNKNOWN = { p50: null, p95: null, p99: null }
const NO_WINDOW: Window = {
  window_s: 0,
  latency: { file: UNKNOWN, database: UNKNOWN },
  requests: 0,
  errors: 0,
  writes: { count: 0, p99_ms: null },
}

const TERMS = { minute: instantFromMs(0), measured_ms: 0, disturbed_by: [] }
const fold = (before: TrafficReading, after: TrafficReading): ObservedMinute =>
  foldMinute({ before: before.readings, after: after.readings, connections: null }, TERMS)

function sumWindow(first: TrafficReading, last: TrafficReading): Window {
  const { latency, requests, errors } = fold(first, last)
  // An instance that did not answer counts as an error of a minute; here it is shown as such.
  const silent = last.readings.filter((one, at) => one === null || first.readings[at] === null)
  return {
    window_s: (last.at_ms - first.at_ms) / 1_000,
    latency,
    requests,
    errors: errors - silent.length,
    writes: sumWrites(first, last),
  }
}

function describe(reading: InstanceReading | null): Omit<WatchedInstance, 'admin'> {
  if (reading === null) return { answers: false, phase: null, epoch: null, writer: null }
  const { scrape } = reading
  const phase = selectSamples(scrape, toSelector('ff_cutover_phase')).find((one) => one.value > 0)
  const writer = findPeak([scrape], 'ff_cutover_writer')
  return {
    answers: true,
    phase: phase?.labels['phase'] ?? null,
    epoch: findPeak([scrape], 'ff_cutover_epoch'),
    writer: writer === null ? null : writer > 0,
  }
}

const toSelector = (metric: string): Selector => ({ metric, labels: {} })

function findPeak(scrapes: readonly Scrape[], metric: string): number | null {
  const values = scrapes.flatMap((scrape) =>
    selectSamples(scrape, toSelector(metric)).map(({ value }) => value),
  )
  return values.length === 0 ? null : Math.max(...values)
}

function sumWrites(first: TrafficReading, last: TrafficReading): WatchedTraffic['writes'] {
  const rises = last.readings.flatMap((after, at) => {
    const before = first.readings[at] as InstanceReading | null
    return before === null || after === null
      ? []
      : computeRises([addSeries(before.scrape, after.scrape), after.scrape], WRITES)
  })
  const seconds = (last.at_ms - first.at_ms) / 1_000
  const all = rises.filter(({ labels }) => labels['le'] === '+Inf')
  const count = Math.round(all.reduce((sum, { per_second }) => sum + per_second, 0) * seconds)
  const p99 = estimateQuantile(rises, 0.99)
  return { count, p99_ms: p99 === null ? null : Math.round(p99 * 1e5) / 100 }
}

/** A series begins with its first request: before, it counted 0. */
function addSeries(before: Scrape, after: Scrape): Scrape {
  const toKey = ({ labels }: Sample): string => `${labels['route']} ${labels['le']}`
  const known = new Set(selectSamples(before, WRITES).map(toKey))
  const added = selectSamples(after, WRITES).filter((one) => !known.has(toKey(one)))
  return { ...before, samples: [...before.samples, ...added.map((one) => ({ ...one, value: 0 }))] }
}

function findLag(scrapes: readonly Scrape[]): WatchedTraffic['lag'] {
  const changes = findPeak(scrapes, 'ff_cutover_lag_changes')
  const seconds = findPeak(scrapes, 'ff_cutover_lag_seconds')
  return changes === null || seconds === null ? null : { changes, ms: Math.round(seconds * 1_000) }
}

function findBacklog(scrapes: readonly Scrape[]): WatchedTraffic['audit'] {
  const pending = findPeak(scrapes, 'ff_audit_pending')
  const failed = findPeak(scrapes, 'ff_audit_failed')
  const oldest_s = findPeak(scrapes, 'ff_audit_oldest_pending_seconds')
  return pending === null || failed === null ? null : { pending, failed, oldest_s }
}
