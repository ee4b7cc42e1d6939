import { evaluateAlert } from '../../../core/alerts/alert-state.ts'
import type { Exposition } from '../../../core/alerts/exposition.ts'
import type { AlertRule, AlertState, Scrape } from '../../../core/alerts/types.ts'

/** Seconds of virtual time between two scrapes. Windows are not waited out; everything else is real. */
export const SCRAPE_S = 15
/** Scrapes within which a rule has to fire or clear: longer than any window of a rule. */
export const MOST_SCRAPES = 120
/** Scrapes kept for evaluation: no window of a rule is longer. */
const KEPT_SCRAPES = 120
/** Name of the scrape job of the service, by which rules select `up`. */
const JOB = 'ff'

/** After so many scrapes a rule whose condition holds all the time fires. */
export const countUntilFiring = ({ for_s }: Pick<AlertRule, 'for_s'>): number =>
  Math.ceil(for_s / SCRAPE_S) + 3

/** The scrapes of one service, by which alert rules are evaluated as Prometheus does. */
export class ScrapeHistory {
  private scrapes: readonly Scrape[] = []

  /** Adds a scrape at a time in seconds; null or unreadable where the service gave none. */
  add(read: Exposition | null, at_s: number): void {
    const isUp = read?.ok === true
    // As Prometheus adds it to the samples of a target.
    const up = { name: 'up', labels: { job: JOB }, value: isUp ? 1 : 0 }
    const samples = isUp ? [...read.samples, up] : [up]
    this.scrapes = [...this.scrapes, { at_ms: at_s * 1000, samples }].slice(-KEPT_SCRAPES)
  }

  clear(): void {
    this.scrapes = []
  }

  evaluate(rule: AlertRule): AlertState {
    return evaluateAlert(rule, this.scrapes)
  }
}
