/** One request of a load with a schedule; times in milliseconds since the load began. */
export interface LoadArrival {
  readonly due_ms: number
  readonly sent_ms: number
  readonly done_ms: number
  /** Whether the answer was as expected. */
  readonly ok: boolean
}
export interface LoadPace {
  readonly per_s: number
  readonly requests: number
}
/** The statistics of a load. */
export interface LoadSummary {
  readonly requests: number
  readonly failed: number
  readonly failed_share: number
  /** Measured from the due time of each request, so that a delayed send counts as latency. */
  readonly p99_ms: number
  /** Requests sent in a second, as achieved. */
  readonly per_s: number
}

/** The highest rate that one process can run a service and its client at. */
const MOST_PER_S = 5_000
/** Timers run late at times; the headroom keeps the promised rate reachable. */
const HEADROOM = 1.1

/**
 * The pace of a load of so many seconds: 10 % above the least rate, or the rate that the number of requests needs
 * where that is higher, but at most 5,000 a second, even where that misses either. The number of requests is rate
 * times seconds, rounded up.
 */
export function planPace({
  least_per_s,
  requests,
  seconds,
}: {
  readonly least_per_s: number
  readonly requests: number
  readonly seconds: number
}): LoadPace {
  const per_s = Math.min(Math.max(least_per_s * HEADROOM, requests / seconds), MOST_PER_S)
  return { per_s, requests: Math.ceil(per_s * seconds) }
}

/**
 * The percentile of a share (0 to 1) by nearest rank, of values in any order; Infinity for an empty list, so that no
 * `at_most` limit holds.
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(Math.ceil(sorted.length * share) - 1, 0)] ?? Infinity
}

/**
 * The statistics of a load over all its bursts. Latency counts from the due time; `p99_ms` is rounded to hundredths.
 * The achieved rate never exceeds the scheduled pace. Without requests: failed share 1, `p99_ms` Infinity, rate 0.
 *
 * @param bursts parts of the load, each with its own start, all at one pace
 */
export function summarizeLoad(
  bursts: readonly (readonly LoadArrival[])[],
  { per_s }: Pick<LoadPace, 'per_s'>,
): LoadSummary {
  const all = bursts.flat()
  const failed = all.filter(({ ok }) => !ok).length
  const took = all.map(({ due_ms, done_ms }) => done_ms - due_ms)
  const ms = bursts.reduce((sum, burst) => sum + computeSpan(burst, 1000 / per_s), 0)
  return {
    requests: all.length,
    failed,
    failed_share: all.length === 0 ? 1 : failed / all.length,
    p99_ms: roundToHundredths(percentile(took, 0.99)),
    per_s: ms === 0 ? 0 : (all.length * 1000) / ms,
  }
}

/** In milliseconds. Sending faster than the schedule does not count as a higher rate. */
const computeSpan = (burst: readonly LoadArrival[], every_ms: number): number =>
  burst.reduce((span, { sent_ms }) => Math.max(span, sent_ms + every_ms), burst.length * every_ms)

/** Rounds a number to two decimals, a half upwards. */
export const roundToHundredths = (value: number): number => Math.round(value * 100) / 100

/** Statistics of the same load before and during an event. */
export interface BeforeAndDuring {
  readonly before: LoadSummary
  readonly during: LoadSummary
}
/**
 * The worst case over all runs in milliseconds: the largest change of p99, during minus before, rounded to
 * hundredths, and the smallest p99 before. A limit on both holds for each run. Without runs they are -Infinity and
 * Infinity.
 */
export const findWidestChange = (
  runs: readonly BeforeAndDuring[],
): { readonly p99_before_ms: number; readonly p99_change_ms: number } => ({
  p99_before_ms: Math.min(...runs.map(({ before }) => before.p99_ms)),
  p99_change_ms: roundToHundredths(
    Math.max(...runs.map(({ before, during }) => during.p99_ms - before.p99_ms)),
  ),
})
