/** Time that only goes forward, in milliseconds, and what is to be done at a later one. */
export interface Clock {
  now(): number
  /** @returns how to call it off; a process that has nothing else to do does not wait for it */
  later(ms: number, work: () => void): () => void
}

/**
 * The clock of this machine. While it is suspended its monotonic clock stands still (CLOCK_MONOTONIC) and the
 * wall clock does not: of the two, whichever went further. A wall clock that is set back changes nothing; one
 * that is set forward makes keys older than they are, which costs a fetch.
 */
export class SystemClock implements Clock {
  private readonly monotonic: () => number
  private readonly wall: () => number
  /** By how much the wall clock is ahead of the other. */
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
    // Below a second it is drift.
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
export const systemClock: Clock = new SystemClock()

/** A clock that its owner moves: half an hour without a key server passes in no time. */
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

  /** Goes to the next thing that is due within `ms` and does it. @returns the time that is left, null when all has passed */
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
