/** Time that only goes forward, in milliseconds, and what is to be done at a later one. */
export interface Clock {
  now(): number
  /** @returns how to call it off; a process that has nothing else to do does not wait for it */
  later(ms: number, work: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  later: (ms, work) => {
    const timer = setTimeout(work, ms).unref()
    return () => clearTimeout(timer)
  },
}

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
