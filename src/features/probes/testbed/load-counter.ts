/** What a load was answered in some time. */
export interface LoadCount {
  readonly requests: number
  /** No whole answer, another status than 2xx, or a value that a known change had replaced and that is not marked stale. */
  readonly failed: number
  /** Decisions by the last known rows, marked as such. */
  readonly stale: number
  readonly acknowledged: number
  /** Longest time without an acknowledged write, in milliseconds. */
  readonly write_gap_ms: number
}

/** What a load was answered in one slice of its time. */
export interface LoadSlice extends Omit<LoadCount, 'write_gap_ms'> {
  /** Milliseconds from the start of the load to the start of the slice. */
  readonly at_ms: number
}

const SLICE_MS = 250
const NO_COUNT = { requests: 0, failed: 0, stale: 0, acknowledged: 0 }

/** Counts what a load is answered, in all and in slices of its time. */
export class LoadCounter {
  readonly startedAt = performance.now()
  private readonly slices: (typeof NO_COUNT)[] = []
  private count = { ...NO_COUNT }
  private acknowledgedAt = this.startedAt
  private gapMs = 0

  /** Requests that were answered, or failed, since the last call of `take`. */
  get sent(): number {
    return this.count.requests
  }

  add(what: keyof typeof NO_COUNT): void {
    const at = Math.floor((performance.now() - this.startedAt) / SLICE_MS)
    const slice = this.slices[at] ?? NO_COUNT
    this.slices[at] = { ...slice, [what]: slice[what] + 1 }
    this.count[what] += 1
  }

  acknowledge(): void {
    const now = performance.now()
    this.gapMs = Math.max(this.gapMs, now - this.acknowledgedAt)
    this.acknowledgedAt = now
    this.add('acknowledged')
  }

  /** What was answered since the last call, or since the start. */
  take(): LoadCount {
    const gap = Math.max(this.gapMs, performance.now() - this.acknowledgedAt)
    const { count } = this
    this.count = { ...NO_COUNT }
    this.gapMs = 0
    return { ...count, write_gap_ms: Math.round(gap) }
  }

  /** What was answered in each slice of 250 ms; one without an answer has zeros. */
  listSlices(): readonly LoadSlice[] {
    return Array.from(this.slices, (slice, at) => ({
      at_ms: at * SLICE_MS,
      ...NO_COUNT,
      ...slice,
    }))
  }
}
