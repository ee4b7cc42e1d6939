import { ADMIN_LIMITS } from '../../core/admin/contract.ts'
import type { Decision } from '../../core/evaluate/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import type { AdminBehaviour, CheckApproval } from '../../ports/admin.ts'
import {
  buildApproval,
  buildApprovalQuery,
  decideSensitiveFlag,
  isFailSafe,
  withAdmin,
} from './testbed/test-admin.ts'
import { defineProbe, fromValue, type ProbeContext, readNumberParam } from './framework/probe.ts'

interface Failure {
  readonly name: string
  readonly behaviour: AdminBehaviour
  /** Changes the URL that the client calls; absent for Admin's own. */
  readonly url?: (there: URL) => URL
  /** Calls that fail before Admin is healthy again: enough to open the breaker. */
  readonly failedCalls?: number
}
const FAILURES: readonly Failure[] = [
  { name: 'refused', behaviour: 'refused' },
  { name: 'reset', behaviour: 'reset' },
  // A label over 63 octets (RFC 1035, 2.3.4) fails to resolve without a DNS query.
  { name: 'dns', behaviour: 'honest', url: () => new URL(`http://${'a'.repeat(64)}.invalid`) },
  // The server speaks no TLS.
  { name: 'tls', behaviour: 'honest', url: ({ host }) => new URL(`https://${host}`) },
  { name: '500', behaviour: 'error_500' },
  { name: '503', behaviour: 'error_503' },
  { name: '429', behaviour: 'error_429' },
  { name: 'redirect', behaviour: 'redirect' },
  { name: 'cut short', behaviour: 'cut_short' },
  { name: 'malformed', behaviour: 'malformed' },
  { name: 'empty', behaviour: 'empty' },
  { name: 'wrong type', behaviour: 'wrong_type' },
  { name: 'unknown state', behaviour: 'unknown_state' },
  { name: 'time-out', behaviour: 'never' },
  { name: 'breaker open', behaviour: 'error_500', failedCalls: ADMIN_LIMITS.breaker.failures },
]

/** Wraps the approval check of a decision; the control plants its fault there. */
type DecorateCheck = (check: CheckApproval) => CheckApproval

/** The planted fault: an unreachable Admin is taken for a valid approval. */
const credulous = fromValue((context): DecorateCheck => (check) => async (question) => {
  const { not_before, expires_at, revoked } = buildApproval(1, context)
  const answer = await check(question)
  if (answer.status !== 'unreachable') return answer
  return { status: 'known', not_before, expires_at, revoked }
})

/**
 * F3: in `modes` failure modes of an Admin on loopback, whether a sensitive flag, allowed before, is denied with reason
 * `admin_unreachable`. The control takes an unreachable Admin for a valid approval.
 */
export const adminFailures = defineProbe<DecorateCheck, 'modes_denied' | 'wrong_reasons'>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound: fromValue(() => (check) => check),
  faulty: { modes_denied: credulous, wrong_reasons: credulous },
  measure: async (decorate, context): Promise<Measurement> => {
    const failures = FAILURES.slice(0, readNumberParam(context, 'modes'))
    const results = await Promise.all(failures.map((one) => runFailure(one, decorate, context)))
    const denied = results.filter(({ failing }) => isFailSafe(failing))
    const wrong = results.filter(
      (one) => !isFailSafe(one.failing) || one.healthy.decision === 'deny',
    )
    const [first] = wrong
    return {
      measured: { modes_denied: denied.length, wrong_reasons: wrong.length },
      met: {
        admin: 'a new one on loopback for each mode, healthy at first',
        allowed_before: results.filter(({ healthy }) => healthy.decision === 'allow').length,
        requests: results.reduce((sum, { requests }) => sum + requests, 0),
      },
      sample_size: results.length,
      example:
        first === undefined
          ? null
          : `${first.name}: ${formatDecision(first.healthy)} before, then ${formatDecision(first.failing)}`,
    }
  },
})

const formatDecision = ({ decision, reason }: Decision): string => `${decision} ${reason}`

function runFailure(
  { name, behaviour, url, failedCalls = 0 }: Failure,
  decorate: DecorateCheck,
  context: ProbeContext,
) {
  const terms = { approvals: [buildApproval(1, context)], limits: ADMIN_LIMITS }
  return withAdmin(context, terms, async ({ server, open }) => {
    const client = await open()
    const healthy = await decideSensitiveFlag(client.begin(), 1, context)
    await server.setBehaviour({ behaviour, delay_ms: 0 })
    const failingClient = url === undefined ? client : await open({ url: url(server.url) })
    for (let time = 0; time < failedCalls; time += 1)
      await failingClient.begin()(buildApprovalQuery(1))
    if (failedCalls > 0) await server.setBehaviour({ behaviour: 'honest', delay_ms: 0 })
    const failing = await decideSensitiveFlag(decorate(failingClient.begin()), 1, context)
    return { name, healthy, failing, requests: server.requests() }
  })
}
