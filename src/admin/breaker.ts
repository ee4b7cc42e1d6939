import {
  type CircuitBreakerPolicy,
  circuitBreaker,
  CircuitState,
  handleAll,
  type IBackoff,
  type IBreaker,
  isBrokenCircuitError,
} from 'cockatiel'
import type { BreakerLimits } from '../core/admin/limits.ts'

/** Lets nothing through for a while where too much has failed. */
export class Breaker {
  private readonly policy: CircuitBreakerPolicy

  /** @param now milliseconds that only go forward */
  constructor(limits: BreakerLimits, now: () => number) {
    this.policy = circuitBreaker(handleAll, {
      breaker: new FailuresWithin(limits, now),
      halfOpenAfter: { next: () => pauseOf(limits.half_open_after_ms, now) },
    })
  }

  get state(): 'closed' | 'open' | 'half_open' {
    return STATES[this.policy.state]
  }

  /** @returns null where nothing was let through; what `work` throws counts as a failure and passes through */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    // The library would have the others wait for the one that was let through, and then let in all of them.
    if (this.policy.state === CircuitState.HalfOpen) return null
    try {
      return await this.policy.execute(work)
    } catch (error) {
      if (isBrokenCircuitError(error)) return null
      throw error
    }
  }
}

const STATES = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  [CircuitState.Isolated]: 'open',
} as const

/** So many failures within so long; the library counts shares of calls, or failures in a row. */
class FailuresWithin implements IBreaker {
  state: unknown
  private readonly limits: BreakerLimits
  private readonly now: () => number
  private failures: readonly number[] = []

  constructor(limits: BreakerLimits, now: () => number) {
    this.limits = limits
    this.now = now
  }

  success(state: CircuitState): void {
    if (state === CircuitState.HalfOpen) this.failures = []
  }

  failure(): boolean {
    const at = this.now()
    const { failures, within_ms } = this.limits
    this.failures = [...this.failures.filter((one) => at - one < within_ms), at]
    return this.failures.length >= failures
  }
}

/**
 * How long it stays open. The library compares it with the wall clock, which can be set back an hour: so it is
 * endless until the time is over by the clock that only goes forward, and then as good as never.
 */
function pauseOf(ms: number, now: () => number): IBackoff<unknown> {
  const until = now() + ms
  return {
    get duration() {
      return now() < until ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    },
    next: () => pauseOf(ms, now),
  }
}
