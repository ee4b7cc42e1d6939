/** A monotonic clock in milliseconds, with timers. */
export interface Clock {
  now(): number
  /** Runs `work` after `ms`; the timer does not keep the process alive. @returns cancels the timer */
  later(ms: number, work: () => void): () => void
}

/**
 * The clock of this machine, which also counts the time that the machine was suspended: CLOCK_MONOTONIC stops then, the
 * wall clock does not. Setting the wall clock back has no effect; setting it forward makes keys look older, which costs
 * a fetch.
 */
export class SystemClock implements Clock {
  private readonly monotonic: () => number
  private readonly wall: () => number
  /** Wall clock minus monotonic clock. */
  private lead: number
  private slept = 0

  constructor(monotonic = (): number => performance.now(), wall = (): number => Date.now()) {
    this.monotonic = monotonic
    this.wall = wall
    this.lead = wall() - monotonic()
  }

  now(): number {
    const monotonic = this.monotonic()
    const lead = this.wall() - monotonic
    // A difference below one second is drift, not a suspension.
    if (Math.abs(lead - this.lead) >= 1_000) {
      this.slept += Math.max(lead - this.lead, 0)
      this.lead = lead
    }
    return monotonic + this.slept
  }

  later(ms: number, work: () => void): () => void {
    const timer = setTimeout(work, ms).unref()
    return () => clearTimeout(timer)
  }
}
/** The one `SystemClock` of this process. */
export const systemClock: Clock = new SystemClock()

/** A fake clock, at 0 to begin with, that a test moves by `step`. */
export class ManualClock implements Clock {
  private time = 0
  private readonly due = new Set<{ readonly at: number; readonly work: () => void }>()

  now(): number {
    return this.time
  }

  later(ms: number, work: () => void): () => void {
    const entry = { at: this.time + ms, work }
    this.due.add(entry)
    return () => void this.due.delete(entry)
  }

  /**
   * Moves to the next timer due within `ms` and runs it.
   *
   * @returns the ms that remain; null once all `ms` have passed
   */
  step(ms: number): number | null {
    const end = this.time + ms
    const next = [...this.due].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
    if (next === undefined) {
      this.time = end
      return null
    }
    this.due.delete(next)
    this.time = Math.max(this.time, next.at)
    next.work()
    return end - this.time
  }
}
