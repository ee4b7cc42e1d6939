import { Breaker } from '../../concurrency/breaker.ts'
import { withDeadline } from '../../concurrency/deadline.ts'
import type { RedisFault, RedisOutcome } from '../../ports/redis.ts'
import { isRedisOutage, makeRedisFault, toRedisFault } from './faults.ts'

const LIMITS = { failures: 5, within_ms: 10_000, half_open_after_ms: 500 }

class Outage extends Error {
  readonly fault: RedisFault

  constructor(fault: RedisFault) {
    super(fault.failure)
    this.fault = fault
  }
}

/**
 * Runs calls to Redis behind one circuit breaker, each with a deadline. An error reply to a command, such as that of a
 * full server, does not open the breaker: other commands still work.
 */
export class RedisCalls {
  readonly #breaker = new Breaker(LIMITS, () => performance.now())
  readonly #findLinkFault: () => RedisFault | null

  /** @param findLinkFault why there is no connection at this time; null where there is one */
  constructor(findLinkFault: () => RedisFault | null) {
    this.#findLinkFault = findLinkFault
  }

  get isOpen(): boolean {
    return this.#breaker.state === 'open'
  }

  /** Runs `work` within the deadline and maps its error. Never rejects. */
  async run<T>(deadlineMs: number, work: () => Promise<T>): Promise<RedisOutcome<T>> {
    // No connection costs nothing to find out, so the breaker does not have to save that.
    const down = this.#findLinkFault()
    if (down !== null) return down
    try {
      const value = await this.#breaker.run(() => this.#attempt(deadlineMs, work))
      return value ?? makeRedisFault('suspended')
    } catch (error) {
      return error instanceof Outage ? error.fault : toRedisFault(error)
    }
  }

  async #attempt<T>(deadlineMs: number, work: () => Promise<T>): Promise<RedisOutcome<T>> {
    const done = work().then((value): RedisOutcome<T> => ({ ok: true, value }), toRedisFault)
    const outcome = await withDeadline(done, deadlineMs, () => makeRedisFault('timeout'))
    if (!outcome.ok && isRedisOutage(outcome)) throw new Outage(outcome)
    return outcome
  }
}
