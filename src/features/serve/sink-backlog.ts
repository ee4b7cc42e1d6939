import { instantToMs } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { SinkBacklog } from '../../ports/store.ts'
import type { BacklogReading, ServiceLog } from '../../ports/telemetry.ts'
import type { ServeRequest } from './start-plan.ts'

/** How long a reading is shown: scrapes of several servers do not ask the store each. */
const SHOWN_MS = 3_000

/** What is not delivered of an audit trail, asked for every few seconds at most, and only where it is read. */
export class ShownBacklog<Backlog> {
  private readonly ask: () => Promise<Backlog>
  private readonly log: Pick<ServiceLog, 'warn'>
  private readonly now: () => number
  private shown: { readonly until: number; readonly backlog: Promise<Backlog | null> } | null = null
  /** Code of the failure that was logged last; null after a success. */
  private failure: string | null = null

  /**
   * @param ask ends within a deadline
   * @param now a monotonic clock in milliseconds
   */
  constructor(
    ask: () => Promise<Backlog>,
    log: Pick<ServiceLog, 'warn'>,
    now = performance.now.bind(performance),
  ) {
    this.ask = ask
    this.log = log
    this.now = now
  }

  /**
   * The backlog by now; null where the store does not tell, which is logged once.
   *
   * @throws errors that are not an FfError
   */
  read(): Promise<Backlog | null> {
    if (this.shown === null || this.shown.until <= this.now())
      this.shown = { until: this.now() + SHOWN_MS, backlog: this.askOnce() }
    return this.shown.backlog
  }

  private async askOnce(): Promise<Backlog | null> {
    try {
      const backlog = await this.ask()
      this.failure = null
      return backlog
    } catch (error) {
      if (!(error instanceof FfError)) throw error
      const { code } = error
      if (this.failure !== code) this.log.warn({ code }, 'cannot tell what is not delivered')
      this.failure = code
      return null
    }
  }
}

/** The backlog as the metrics show it; null for null. */
export function toBacklogReading(
  backlog: SinkBacklog | null,
  { settings, now }: Pick<ServeRequest, 'settings' | 'now'>,
): BacklogReading | null {
  if (backlog === null) return null
  const { oldest_at, ...counts } = backlog
  // Without a broker records stay pending on purpose: their age is no sign of trouble.
  if (oldest_at === null || settings.FF_KAFKA_BROKERS === null)
    return { ...counts, oldest_seconds: null }
  const age_ms = now().getTime() - instantToMs(oldest_at)
  return { ...counts, oldest_seconds: Math.max(0, age_ms) / 1000 }
}
