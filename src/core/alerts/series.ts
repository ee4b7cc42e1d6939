import type { Sample, Scrape, Selector } from './types.ts'

/**
 * The samples of a scrape with the selector's metric name and, for each label that it names, one of the listed
 * values. A missing label counts as the empty text.
 */
export const selectSamples = (
  { samples }: Scrape,
  { metric, labels }: Selector,
): readonly Sample[] => {
  const labelsWanted = Object.entries(labels)
  return samples.filter(
    (one) =>
      one.name === metric &&
      labelsWanted.every(([name, values]) => values.includes(one.labels[name] ?? '')),
  )
}

/** The rate of increase of one series. */
export interface SeriesRise {
  readonly labels: Sample['labels']
  readonly per_second: number
}

/**
 * The increase per second of each selected series, from its first to its last sample in the scrapes. A series with
 * one sample is left out; a counter that decreases was reset to 0.
 *
 * @param scrapes oldest first
 */
export function computeRises(scrapes: readonly Scrape[], of: Selector): readonly SeriesRise[] {
  const series = new Map<
    string,
    { readonly labels: Sample['labels']; readonly seen: SamplePoint[] }
  >()
  for (const scrape of scrapes)
    for (const { labels, value } of selectSamples(scrape, of)) {
      const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
      const one = series.get(key) ?? { labels, seen: [] }
      series.set(key, one)
      one.seen.push([scrape.at_ms, value])
    }
  return [...series.values()]
    .filter(({ seen }) => seen.length > 1)
    .map(({ labels, seen }) => ({ labels, per_second: computePerSecond(seen) }))
}

type SamplePoint = readonly [at_ms: number, value: number]
function computePerSecond(seen: readonly SamplePoint[]): number {
  const [[first], [last]] = [seen[0] as SamplePoint, seen.at(-1) as SamplePoint]
  const risen = seen.slice(1).reduce((sum, [, value], at) => {
    const [, before] = seen[at] as SamplePoint
    return sum + (value < before ? value : value - before)
  }, 0)
  return (risen * 1000) / (last - first)
}

/**
 * Estimates a quantile from the rates of a histogram's buckets like Prometheus' `histogram_quantile`: linear within a
 * bucket, the last finite bound beyond it. Sums series of one `le`; null without buckets or where the rate is 0.
 *
 * @param quantile from 0 to 1
 */
export function estimateQuantile(buckets: readonly SeriesRise[], quantile: number): number | null {
  const sums = new Map<number, number>()
  for (const { labels, per_second } of buckets) {
    const bound = parseBound(labels['le'])
    sums.set(bound, (sums.get(bound) ?? 0) + per_second)
  }
  const sorted = [...sums].sort(([a], [b]) => a - b)
  const [, total] = sorted.at(-1) ?? [0, 0]
  if (total === 0) return null
  const rank = quantile * total
  const at = sorted.findIndex(([, count]) => count >= rank)
  const [bound, count] = sorted[at] as readonly [number, number]
  const [lower, below] = sorted[at - 1] ?? [0, 0]
  if (bound === Number.POSITIVE_INFINITY) return lower
  return lower + ((bound - lower) * (rank - below)) / (count - below)
}
const parseBound = (le = ''): number => (le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le))
