import { answerFrom } from '../../core/evaluate/approvals.ts'
import type { ApprovalCheck, Approvals, ApprovalsPlan } from '../../ports/admin.ts'
import { AdminClient } from './admin-client.ts'
import { openLine } from './admin-connection.ts'

/** Opens whoever answers for approvals; to be closed. */
export async function openApprovals(plan: ApprovalsPlan): Promise<Approvals> {
  if (plan.kind === 'admin') return new AdminClient(await openLine(plan), plan.limits)
  if (plan.kind === 'none') return onTheSpot(() => Promise.resolve({ status: 'unreachable' }))
  return onTheSpot((question) => Promise.resolve(answerFrom(plan.approvals, question)))
}

/** Answers without a call, which can neither fail nor be counted. */
const onTheSpot = (check: ApprovalCheck): Approvals => ({
  begin: () => check,
  metrics: () => ({
    calls: { answered: 0, failed: 0, refused: 0 },
    breaker: null,
    sockets: 0,
  }),
  close: () => Promise.resolve(),
})
