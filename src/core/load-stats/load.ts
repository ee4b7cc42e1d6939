/** One request of a load whose requests go out by a schedule; in milliseconds since the load began. */
export interface LoadArrival {
  readonly due_ms: number
  readonly sent_ms: number
  readonly done_ms: number
  /** Whether it was answered as it should be. */
  readonly ok: boolean
}
export interface LoadPace {
  readonly per_s: number
  readonly requests: number
}
/** What a load came to. */
export interface LoadSummary {
  readonly requests: number
  readonly failed: number
  readonly failed_share: number
  /** From when each request was due, so that whoever is kept from sending hides nothing. */
  readonly p99_ms: number
  /** How many a second went out in truth. */
  readonly per_s: number
}

/** What one service and its caller can be expected to do in one process. */
const MOST_PER_S = 5_000
/** A timer is late now and then, and a load that is promised has to be reached all the same. */
const HEADROOM = 1.1

/** A load of at least so many requests a second, and of at least so many within its time. */
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

/** The value that the share of all is no greater than, by nearest rank; of nothing, no bound holds. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(Math.ceil(sorted.length * share) - 1, 0)] ?? Infinity
}

/** @param bursts each with a beginning of its own, all by one schedule */
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

/** What is done faster than it was due makes no faster schedule. */
const computeSpan = (burst: readonly LoadArrival[], every_ms: number): number =>
  burst.reduce((span, { sent_ms }) => Math.max(span, sent_ms + every_ms), burst.length * every_ms)

export const roundToHundredths = (value: number): number => Math.round(value * 100) / 100

/** The same load before something happened, and while it did. */
export interface BeforeAndDuring {
  readonly before: LoadSummary
  readonly during: LoadSummary
}
/** The widest change of all runs, beside the least that any of them was before: what holds for these holds for each. */
export const findWidestChange = (
  runs: readonly BeforeAndDuring[],
): { readonly p99_before_ms: number; readonly p99_change_ms: number } => ({
  p99_before_ms: Math.min(...runs.map(({ before }) => before.p99_ms)),
  p99_change_ms: roundToHundredths(
    Math.max(...runs.map(({ before, during }) => during.p99_ms - before.p99_ms)),
  ),
})
