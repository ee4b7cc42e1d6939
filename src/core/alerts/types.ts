/** One number of a scrape. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
/** The samples of a service at one time; empty where it did not answer. */
export interface Scrape {
  readonly at_ms: number
  readonly samples: readonly Sample[]
}

/** Selects series of a metric: each named label must have one of the listed values. */
export interface Selector {
  readonly metric: string
  readonly labels: Readonly<Record<string, readonly string[]>>
}
/** The measure of a rule; windows in seconds. */
export type AlertMeasure =
  /** The last value; with several series, the rule fires for any of them. */
  | { readonly kind: 'value'; readonly of: Selector }
  /** The sum of the last values, divided by the sum of other series. */
  | { readonly kind: 'share'; readonly of: Selector; readonly to: Selector }
  /** The summed rate of increase of counters, per second. */
  | { readonly kind: 'rate'; readonly of: Selector; readonly window_s: number }
  | {
      readonly kind: 'ratio'
      readonly of: Selector
      readonly to: Selector
      readonly window_s: number
    }
  | {
      readonly kind: 'quantile'
      readonly of: Selector
      readonly quantile: number
      readonly window_s: number
    }

/** A rule of `contracts/alert_rules.json`. */
export interface AlertRule {
  readonly id: string
  readonly measure: AlertMeasure
  readonly op: 'above' | 'below'
  readonly threshold: number
  /** Seconds that the condition must hold before the rule fires. */
  readonly for_s: number
}
/** `pending`: the condition holds, but not for `for_s` yet. */
export type AlertState = 'clear' | 'pending' | 'firing'
