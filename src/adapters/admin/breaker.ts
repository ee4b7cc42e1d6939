import type { BreakerLimits } from '../../core/admin/contract.ts'

type State =
  | { readonly name: 'closed'; readonly failedAt: readonly number[] }
  | { readonly name: 'open'; readonly untilMs: number }
  | { readonly name: 'half_open' }

const CLOSED: State = { name: 'closed', failedAt: [] }

/**
 * A circuit breaker: lets nothing through for a while after too many failures, and then a single call, whose end decides
 * whether it closes or opens again. What ends after the state has changed is of an earlier time, and counts for nothing.
 */
export class Breaker {
  private readonly limits: BreakerLimits
  private readonly now: () => number
  private current: State = CLOSED
  /** Goes up with each change of the name of the state. */
  private period = 0

  /** @param now milliseconds that only go forward */
  constructor(limits: BreakerLimits, now: () => number) {
    this.limits = limits
    this.now = now
  }

  get state(): State['name'] {
    return this.current.name
  }

  /** @returns null where nothing was let through; what `work` throws counts as a failure and passes through */
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
