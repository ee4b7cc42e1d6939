import { setTimeout as sleep } from 'node:timers/promises'
import type { Exposition } from '../../../core/alerts/exposition.ts'
import { METRICS_ROUTE } from '../../serve/health.ts'
import type { ProbeContext } from '../framework/probe.ts'

/** A metric is `still` after this, in seconds: longer than the limit of the time from an event to its metric. */
export const MOST_WAIT_S = 120
const EVERY_MS = 50

/** Triggers an event. @returns its undo */
export type MetricEvent<S> = (service: S) => Promise<() => Promise<unknown>>
/** A service whose metrics are read. */
export interface Scraped {
  scrape(): Promise<Exposition | null>
}
type WatchClock = Pick<ProbeContext, 'now' | 'signal'>
/** Triggers the event of each metric, and watches its series. */
export class MetricWatch<S extends Scraped> {
  readonly missing: string[] = []
  readonly still: string[] = []
  /** Seconds from each event to the scrape that shows it. */
  readonly delaysSeconds: number[] = []
  private readonly service: S
  private readonly events: Readonly<Record<string, MetricEvent<S>>>
  private readonly context: WatchClock

  constructor(service: S, events: Readonly<Record<string, MetricEvent<S>>>, context: WatchClock) {
    this.service = service
    this.events = events
    this.context = context
  }

  async requirePresent(metrics: readonly string[]): Promise<void> {
    const read = await this.service.scrape()
    this.missing.push(...metrics.filter((metric) => findSeries(read, metric) === null))
  }

  async requireChange(metric: string): Promise<void> {
    const before = findSeries(await this.service.scrape(), metric)
    const event = Object.hasOwn(this.events, metric) ? this.events[metric] : undefined
    if (before === null) this.missing.push(metric)
    else if (event === undefined) this.still.push(metric)
    else await this.waitForChange(metric, before, event)
  }

  private async waitForChange(
    metric: string,
    before: string,
    event: MetricEvent<S>,
  ): Promise<void> {
    const { now, signal } = this.context
    const undo = await event(this.service)
    const since = now().getTime()
    const seconds = (): number => (now().getTime() - since) / 1000
    try {
      while (seconds() < MOST_WAIT_S && !signal.aborted) {
        const after = findSeries(await this.service.scrape(), metric)
        // A scrape that fails shows no movement.
        if (after !== null && after !== before) return void this.delaysSeconds.push(seconds())
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
