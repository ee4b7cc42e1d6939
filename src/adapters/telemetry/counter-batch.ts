import type { Counter } from 'prom-client'

/** Counts by one or two labels for less than a registry asks for each: that is told the sums when it is scraped. */
export class CounterBatch {
  private readonly counter: Counter
  private readonly counts = new Map<string, { readonly labels: string[]; value: number }>()

  constructor(counter: Counter) {
    this.counter = counter
  }

  add(...labels: readonly [string] | readonly [string, string]): void {
    const name = labels.length === 1 ? labels[0] : `${labels[0]} ${labels[1]}`
    const held = this.counts.get(name)
    if (held === undefined) this.counts.set(name, { labels: [...labels], value: 1 })
    else held.value += 1
  }

  tell(): void {
    for (const held of this.counts.values()) {
      this.counter.labels(...held.labels).inc(held.value)
      held.value = 0
    }
  }
}
