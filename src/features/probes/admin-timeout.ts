import { setTimeout as sleep } from 'node:timers/promises'
import { ADMIN_LIMITS, type AdminLimits } from '../../core/admin/contract.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import type { AdminScript } from '../../ports/admin.ts'
import { buildApproval, decideSensitiveFlag, isFailSafe, withAdmin } from './testbed/test-admin.ts'
import { wrapApprovals } from './faults/wrapped-approvals.ts'
import {
  defineProbe,
  fromValue,
  inContext,
  type ProbeContext,
  readNumberParam,
  type WithResource,
} from './framework/probe.ts'

interface Case extends AdminScript {
  readonly name: string
  readonly in_time: boolean
}
const CASES: readonly Case[] = [
  { name: 'an answer after 0.9 s', behaviour: 'honest', delay_ms: 900, in_time: true },
  { name: 'an answer after 1.1 s', behaviour: 'honest', delay_ms: 1_100, in_time: false },
  { name: 'no answer', behaviour: 'never', delay_ms: 0, in_time: false },
  { name: 'a byte every 200 ms', behaviour: 'slow_body', delay_ms: 0, in_time: false },
  { name: 'no connection', behaviour: 'no_accept', delay_ms: 0, in_time: false },
]
/** Time for an aborted socket to close on both sides. */
const SETTLING_MS = 200

const withTimeout = (timeout_ms: number): WithResource<AdminLimits> =>
  fromValue(() => ({ ...ADMIN_LIMITS, timeout_ms }))
/** The planted fault: a client that waits too long, and uses the late answer. */
const slow = withTimeout(5_000)
/** The planted fault: a client that stops waiting in time, and leaves its call running. */
const leaking = inContext(
  slow,
  wrapApprovals((check) => (question) => {
    const late = sleep(ADMIN_LIMITS.timeout_ms).then(() => ({ status: 'unreachable' }) as const)
    return Promise.race([check(question), late])
  }),
)

/**
 * F2: how long one decision waits, in ms, in the first `cases` of five cases of a slow Admin on loopback; the late
 * answers that do not end in a fail-safe denial, the answer in time that does, and the sockets left. The waits are
 * real; a sample is a case. The controls have a timeout of five seconds, one of half a second, and one that leaves the
 * call running.
 */
export const adminTimeout = defineProbe<
  AdminLimits,
  'slowest_ms' | 'slow_allowed' | 'in_time_refused' | 'sockets_left'
>({
  version: 1,
  site: 'scratch',
  isolation: 'exclusive',
  sound: fromValue(() => ADMIN_LIMITS),
  faulty: {
    slowest_ms: slow,
    slow_allowed: slow,
    in_time_refused: withTimeout(500),
    sockets_left: leaking,
  },
  measure: async (limits, context): Promise<Measurement> => {
    const cases = CASES.slice(0, readNumberParam(context, 'cases'))
    const results = await Promise.all(cases.map((one) => runCase(one, limits, context)))
    const wrong = results.filter(({ in_time, denied }) => in_time === denied)
    const slowest = Math.max(...results.map(({ ms }) => ms))
    return {
      measured: {
        slowest_ms: slowest,
        slow_allowed: wrong.filter(({ in_time }) => !in_time).length,
        in_time_refused: wrong.filter(({ in_time }) => in_time).length,
        sockets_left: results.reduce((sum, { sockets }) => sum + sockets, 0),
      },
      met: {
        admin: 'a new one on loopback for each case',
        requests: results.reduce((sum, { requests }) => sum + requests, 0),
        ...Object.fromEntries(results.map(({ name, ms }) => [name, `${ms} ms`])),
      },
      sample_size: results.length,
      example: wrong[0]?.name ?? results.find(({ ms }) => ms === slowest)?.name ?? null,
    }
  },
})

function runCase(one: Case, limits: AdminLimits, context: ProbeContext) {
  return withAdmin(context, { approvals: [buildApproval(1, context)], limits }, async (admin) => {
    const { server } = admin
    await server.setBehaviour(one)
    const client = await admin.open()
    const began = performance.now()
    const decision = await decideSensitiveFlag(client.begin(), 1, context)
    const ms = Math.round(performance.now() - began)
    // An answered call keeps its connection open for reuse; closing the client ends it.
    if (one.in_time) await client.close()
    await sleep(SETTLING_MS)
    const sockets = Math.max(client.metrics().sockets, server.sockets())
    return { ...one, ms, sockets, denied: isFailSafe(decision), requests: server.requests() }
  })
}
