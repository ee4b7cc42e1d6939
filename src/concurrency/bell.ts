/** Ends waits early: what waits looks again when it rings, or after its time. */
export class Bell {
  private readonly waiting = new Set<() => void>()

  /** Ends every wait that has begun. */
  ring(): void {
    for (const wake of this.waiting) wake()
  }

  /** Resolves at the next ring, or after `ms`. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      this.waiting.add(wake)
    })
  }
}
