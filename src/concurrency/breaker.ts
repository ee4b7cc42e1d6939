/** Opens after so many failures within a time; lets a trial call through after another. In milliseconds. */
interface Limits {
  readonly failures: number
  readonly within_ms: number
  readonly half_open_after_ms: number
}
type State =
  | { readonly name: 'closed'; readonly failedAt: readonly number[] }
  | { readonly name: 'open'; readonly untilMs: number }
  | { readonly name: 'half_open' }

const CLOSED: State = { name: 'closed', failedAt: [] }

/**
 * A circuit breaker: after too many failures it opens and refuses calls for a while, then lets one trial call through,
 * whose outcome closes or reopens it. A call that ends after the state has changed does not count.
 */
export class Breaker {
  private readonly limits: Limits
  private readonly now: () => number
  private current: State = CLOSED
  /** Number of state changes; tells whether the state changed during a call. */
  private period = 0

  /** @param now a monotonic clock in milliseconds */
  constructor(limits: Limits, now: () => number) {
    this.limits = limits
    this.now = now
  }

  /**
   * The current state. An open breaker stays `open` until the first call after its time, which makes it `half_open`.
   */
  get state(): State['name'] {
    return this.current.name
  }

  /**
   * Runs `work` unless the breaker is open or a trial call is in flight.
   *
   * @returns the result of `work`; null for a refused call, for which `work` does not run
   * @throws the error of `work`, which counts as a failure
   */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    const { current } = this
    if (current.name === 'half_open') return null
    if (current.name === 'open') {
      if (this.now() < current.untilMs) return null
      this.enter({ name: 'half_open' })
    }
    const { period } = this
    try {
      const result = await work()
      if (period === this.period && this.state === 'half_open') this.enter(CLOSED)
      return result
    } catch (error) {
      if (period === this.period) this.fail()
      throw error
    }
  }

  private fail(): void {
    const { failures, within_ms, half_open_after_ms } = this.limits
    const at = this.now()
    const before = this.current.name === 'closed' ? this.current.failedAt : []
    const failedAt = [...before.filter((one) => at - one < within_ms), at]
    if (this.current.name === 'half_open' || failedAt.length >= failures)
      this.enter({ name: 'open', untilMs: at + half_open_after_ms })
    else this.current = { name: 'closed', failedAt }
  }

  private enter(next: State): void {
    this.current = next
    this.period += 1
  }
}
