import { setTimeout as sleep } from 'node:timers/promises'
import { ADMIN_LIMITS, type AdminLimits } from '../../core/admin/contract.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { percentile, roundToHundredths } from '../../core/load-stats/load.ts'
import type { AdminServer, ApprovalService, CheckApproval } from '../../ports/admin.ts'
import { buildApproval, buildApprovalQuery, withAdmin } from './testbed/test-admin.ts'
import { wrapApprovals } from './faults/wrapped-approvals.ts'
import { defineProbe, fromValue, inContext, readNumberParam } from './framework/probe.ts'

const { failures, half_open_after_ms } = ADMIN_LIMITS.breaker
/** Delay of Admin's reply to the half-open call: long enough for all callers to arrive meanwhile. */
const HALF_OPEN_DELAY_MS = 200
/** A timer can fire slightly early. */
const MARGIN_MS = 50

/** Longer than an answer of an open breaker may take. */
const HELD_BACK_MS = 20
/** The planted faults: no breaker, and answers that are held back; few callers show both. */
const withoutBreaker = inContext(
  fromValue((): AdminLimits => ({ ...ADMIN_LIMITS, breaker: null })),
  (context) => ({
    params: { ...context.params, callers: 10 },
    ...wrapApprovals((check) => async (question) => {
      await sleep(HELD_BACK_MS)
      return check(question)
    })(context),
  }),
)

/**
 * F4: whether the circuit breaker of the Admin client opens, half-opens and closes as declared, against an Admin on
 * loopback, and the latency of answers while it is open. The waits are real. The control has no breaker, and answers late.
 */
export const adminBreaker = defineProbe<
  AdminLimits,
  'opened_as_declared' | 'open_answer_ms' | 'open_calls' | 'half_open_calls' | 'closed_on_success'
>({
  version: 1,
  site: 'scratch',
  isolation: 'exclusive',
  sound: fromValue(() => ADMIN_LIMITS),
  faulty: {
    opened_as_declared: withoutBreaker,
    open_answer_ms: withoutBreaker,
    open_calls: withoutBreaker,
    half_open_calls: withoutBreaker,
    closed_on_success: withoutBreaker,
  },
  measure: async (limits, context): Promise<Measurement> => {
    const callers = readNumberParam(context, 'callers')
    const approvals = Array.from({ length: callers }, (_, at) => buildApproval(at, context))
    return withAdmin(context, { approvals, limits }, async ({ server, open }) => {
      const run = new Outage(server, await open())
      const opened_as_declared = await run.failUntilOpen()
      const { calls, latency } = await run.callWhileOpen(callers)
      const half_open_calls = await run.callHalfOpen(callers)
      return {
        measured: {
          opened_as_declared,
          open_answer_ms: latency.p99_ms,
          open_calls: calls,
          half_open_calls,
          closed_on_success: await run.closesOnSuccess(),
        },
        met: {
          admin: 'one on loopback',
          requests: server.requests(),
          callers,
          slowest_open_answer_ms: latency.slowest_ms,
        },
        sample_size: callers,
        example:
          half_open_calls === 1
            ? null
            : `the half-open breaker let ${half_open_calls} of ${callers} calls through`,
      }
    })
  },
})

interface Latency {
  /** Excludes the one call in a hundred that a busy machine delays. */
  readonly p99_ms: number
  readonly slowest_ms: number
}
const measureLatency = (ms: readonly number[]): Latency => ({
  p99_ms: roundToHundredths(percentile(ms, 0.99)),
  slowest_ms: roundToHundredths(percentile(ms, 1)),
})

class Outage {
  private readonly server: AdminServer
  private readonly client: ApprovalService
  private openedAt = 0

  constructor(server: AdminServer, client: ApprovalService) {
    this.server = server
    this.client = client
  }

  /** @returns whether the breaker was closed until the declared number of failures, and open after it */
  async failUntilOpen(): Promise<boolean> {
    await this.server.setBehaviour({ behaviour: 'error_500', delay_ms: 0 })
    const states: unknown[] = []
    for (let at = 0; at < failures; at += 1) {
      states.push(this.client.metrics().breaker)
      await this.ask(at)
    }
    this.openedAt = performance.now()
    const closed = states.every((state) => state === 'closed')
    return closed && this.client.metrics().breaker === 'open'
  }

  /** @returns the calls that reached Admin at once and just before half-open time, and the latency of the answers */
  async callWhileOpen(
    callers: number,
  ): Promise<{ readonly calls: number; readonly latency: Latency }> {
    const before = this.server.requests()
    const latenciesMs: number[] = []
    for (let at = 0; at < callers; at += 1) {
      const began = performance.now()
      await this.ask(at)
      latenciesMs.push(performance.now() - began)
    }
    await sleep(this.msUntilHalfOpen() - MARGIN_MS)
    await this.ask(0)
    return { calls: this.server.requests() - before, latency: measureLatency(latenciesMs) }
  }

  /** @returns how many of the concurrent callers reached Admin, which is healthy again */
  async callHalfOpen(callers: number): Promise<number> {
    await this.server.setBehaviour({ behaviour: 'honest', delay_ms: HALF_OPEN_DELAY_MS })
    const before = this.server.requests()
    await sleep(this.msUntilHalfOpen() + MARGIN_MS)
    await Promise.all(Array.from({ length: callers }, (_, at) => this.ask(at)))
    return this.server.requests() - before
  }

  /** Whether the breaker is closed and the next call reaches Admin. */
  async closesOnSuccess(): Promise<boolean> {
    const { breaker } = this.client.metrics()
    const { status } = await this.ask(0)
    return breaker === 'closed' && status === 'known'
  }

  private msUntilHalfOpen(): number {
    return Math.max(this.openedAt + half_open_after_ms - performance.now(), 0)
  }

  /** Checks an approval as a request of its own, so that no answer of another request is reused. */
  private ask(at: number): ReturnType<CheckApproval> {
    return this.client.begin()(buildApprovalQuery(at))
  }
}
