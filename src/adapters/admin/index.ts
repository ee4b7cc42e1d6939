import { answerApproval } from '../../core/evaluate/approvals.ts'
import type { CheckApproval, ApprovalService, ApprovalsPlan } from '../../ports/admin.ts'
import { AdminClient } from './admin-client.ts'
import { openAdminConnection } from './admin-connection.ts'

/** Opens whoever answers for approvals; to be closed. */
export async function openApprovals(plan: ApprovalsPlan): Promise<ApprovalService> {
  if (plan.kind === 'admin') return new AdminClient(await openAdminConnection(plan), plan.limits)
  if (plan.kind === 'none')
    return createLocalService(() => Promise.resolve({ status: 'unreachable' }))
  return createLocalService((question) => Promise.resolve(answerApproval(plan.approvals, question)))
}

/** Answers without a call, which can neither fail nor be counted. */
const createLocalService = (check: CheckApproval): ApprovalService => ({
  begin: () => check,
  metrics: () => ({
    calls: { answered: 0, failed: 0, refused: 0 },
    breaker: null,
    sockets: 0,
  }),
  close: () => Promise.resolve(),
})
