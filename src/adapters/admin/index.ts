import { answerApproval } from '../../core/evaluate/approvals.ts'
import type { CheckApproval, ApprovalService, ApprovalsPlan } from '../../ports/admin.ts'
import { AdminClient } from './admin-client.ts'
import { openAdminConnection } from './admin-connection.ts'

/**
 * Opens the approval service of a plan: Admin over HTTP (connects on the first check), a given list of approvals, or
 * none, for which every check answers `unreachable`. Only Admin has counts, a breaker and sockets: for the others the
 * counts are 0, `breaker` is null and `close` does nothing.
 */
export async function openApprovals(plan: ApprovalsPlan): Promise<ApprovalService> {
  if (plan.kind === 'admin') return new AdminClient(await openAdminConnection(plan), plan.limits)
  if (plan.kind === 'none')
    return createLocalService(() => Promise.resolve({ status: 'unreachable' }))
  return createLocalService((question) => Promise.resolve(answerApproval(plan.approvals, question)))
}

/** An approval service without network calls, so that its counts stay 0. */
const createLocalService = (check: CheckApproval): ApprovalService => ({
  begin: () => check,
  abandon: () => undefined,
  metrics: () => ({
    calls: { answered: 0, failed: 0, refused: 0 },
    breaker: null,
    sockets: 0,
  }),
  close: () => Promise.resolve(),
})
