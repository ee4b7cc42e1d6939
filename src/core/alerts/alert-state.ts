import { estimateQuantile, computeRises, selectSamples } from './series.ts'
import type { AlertMeasure, AlertRule, AlertState, Scrape, Selector } from './types.ts'

/**
 * The state of a rule at the last scrape: `firing` where its condition holds at each scrape back to one that is at
 * least `for_s` seconds older, `pending` where it holds only since later, else `clear`, also without scrapes. A
 * measure without data does not fire: `up`, which Prometheus itself adds, tells that an instance is gone.
 *
 * @param scrapes oldest first
 */
export function evaluateAlert(rule: AlertRule, scrapes: readonly Scrape[]): AlertState {
  const now = scrapes.at(-1)?.at_ms ?? 0
  let since: number | null = null
  for (let end = scrapes.length; end > 0 && holds(rule, scrapes.slice(0, end)); end -= 1) {
    since = (scrapes[end - 1] as Scrape).at_ms
    if (now - since >= rule.for_s * 1000) return 'firing'
  }
  return since === null ? 'clear' : 'pending'
}

function holds({ measure, op, threshold }: AlertRule, scrapes: readonly Scrape[]): boolean {
  const values = measureValues(measure, scrapes)
  return values.some((value) => (op === 'above' ? value > threshold : value < threshold))
}

/** The values that are compared with the threshold; for kind `value`, one for each series. */
function measureValues(measure: AlertMeasure, scrapes: readonly Scrape[]): readonly number[] {
  const last = scrapes.at(-1) as Scrape
  if (measure.kind === 'value') return selectSamples(last, measure.of).map(({ value }) => value)
  if (measure.kind === 'share')
    return computeRatio(sumSamples(last, measure.of), sumSamples(last, measure.to))
  const within = scrapes.filter(({ at_ms }) => at_ms >= last.at_ms - measure.window_s * 1000)
  if (measure.kind === 'quantile') {
    const buckets = { ...measure.of, metric: `${measure.of.metric}_bucket` }
    const found = estimateQuantile(computeRises(within, buckets), measure.quantile)
    return found === null ? [] : [found]
  }
  const rate = computeRate(within, measure.of)
  if (measure.kind === 'ratio') return computeRatio(rate, computeRate(within, measure.to))
  return rate === null ? [] : [rate]
}

/** Null without a series. */
const sumOrNull = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((all, one) => all + one, 0)
const sumSamples = (scrape: Scrape, of: Selector): number | null =>
  sumOrNull(selectSamples(scrape, of).map(({ value }) => value))
const computeRate = (scrapes: readonly Scrape[], of: Selector): number | null =>
  sumOrNull(computeRises(scrapes, of).map(({ per_second }) => per_second))

/** The ratio; empty for 0 of 0, Infinity for a part of 0. */
const computeRatio = (part: number | null, whole: number | null): readonly number[] =>
  part === null || whole === null || (part === 0 && whole === 0) ? [] : [part / whole]
