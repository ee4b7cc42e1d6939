/** One number of a scrape. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
/** What a service said of itself at one time; nothing where it said nothing. */
export interface Scrape {
  readonly at_ms: number
  readonly samples: readonly Sample[]
}

/** Series of a metric. Each label that is named has one of its values; the others have any. */
export interface Selector {
  readonly metric: string
  readonly labels: Readonly<Record<string, readonly string[]>>
}
/** What is looked at; windows in seconds. */
export type AlertMeasure =
  /** The last value; of several series, the one that is worst. */
  | { readonly kind: 'value'; readonly of: Selector }
  /** The last values of all series, as a part of others. */
  | { readonly kind: 'share'; readonly of: Selector; readonly to: Selector }
  /** By how much counters rise in a second, all together. */
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
  /** 1 where there is no such series, 0 where there is. */
  | { readonly kind: 'absent'; readonly of: Selector }

/** A rule of `contracts/alert_rules.json`. */
export interface AlertRule {
  readonly id: string
  readonly measure: AlertMeasure
  readonly op: 'above' | 'below'
  readonly threshold: number
  /** How long it has to hold before it fires. */
  readonly for_s: number
}
/** `pending` holds, but not for long enough yet. */
export type AlertState = 'clear' | 'pending' | 'firing'
