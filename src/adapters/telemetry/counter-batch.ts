import type { Counter } from 'prom-client'

/**
 * Counts by one or two labels in memory and adds the sums to a counter at each scrape: cheaper than prom-client's
 * `inc`.
 */
export class CounterBatch {
  private readonly counter: Counter
  private readonly counts = new Map<string, { readonly labels: string[]; value: number }>()

  constructor(counter: Counter) {
    this.counter = counter
  }

  /** Counts one event in memory for these label values, in the order of the counter's labels. */
  add(...labels: readonly [string] | readonly [string, string]): void {
    const name = labels.length === 1 ? labels[0] : `${labels[0]} ${labels[1]}`
    const held = this.counts.get(name)
    if (held === undefined) this.counts.set(name, { labels: [...labels], value: 1 })
    else held.value += 1
  }

  /** Adds the counts since the last call to the counter and sets them to 0. */
  flush(): void {
    for (const held of this.counts.values()) {
      this.counter.labels(...held.labels).inc(held.value)
      held.value = 0
    }
  }
}
