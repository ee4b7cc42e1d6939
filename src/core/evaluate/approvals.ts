import type { Instant } from '../rows/instant.ts'
import type { ApprovalAnswer, ApprovalQuery } from './types.ts'

/** One approval as Admin, an approvals file or a vector holds it. */
export interface Approval {
  readonly approval_ref: string
  readonly flag_key: string
  readonly tenant_id: string
  readonly user_id: string
  readonly not_before: Instant
  readonly expires_at: Instant
  readonly revoked: boolean
}

/**
 * Answers as Admin would from a list: `unknown` unless an approval matches ref, flag, tenant and user; else `known`
 * with revocation and times of the first match, and no stated TTL state. Compares no times with the clock.
 */
export function answerApproval(
  approvals: readonly Approval[],
  question: ApprovalQuery,
): Exclude<ApprovalAnswer, { status: 'unreachable' }> {
  const found = approvals.find(
    (approval) =>
      approval.approval_ref === question.approval_ref &&
      approval.flag_key === question.flag_key &&
      approval.tenant_id === question.tenant_id &&
      approval.user_id === question.user_id,
  )
  if (found === undefined) return { status: 'unknown' }
  const { revoked, not_before, expires_at } = found
  return { status: 'known', revoked, not_before, expires_at }
}
