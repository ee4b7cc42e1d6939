import type { FlagRow } from '../rows/rows.ts'
import { readOverrideLayer } from './overrides.ts'
import { denyWith, failSafeAt, continueWith, type RuleResult } from './step.ts'
import { computeTtlState } from './ttl-state.ts'
import type {
  ApprovalAnswer,
  ApprovalQuery,
  ChainEntry,
  DenyReason,
  EvaluationInput,
  FailSafeCause,
  NamedBy,
  ApprovalTtlState,
} from './types.ts'

const AT = { prec: 4, rule: 'sensitive_overlay' } as const
const NOT_SENSITIVE = continueWith({ ...AT, outcome: 'not_sensitive' })

/** The refusal for each TTL state; null where the approval is valid. Writes of sensitive flags use it too. */
export const APPROVAL_REFUSALS = {
  unknown: 'approval_unknown',
  revoked: 'approval_revoked',
  not_yet_valid: 'approval_not_yet_valid',
  expired: 'approval_expired',
  expiring_soon: null,
  valid: null,
} as const satisfies Record<ApprovalTtlState, DenyReason | null>

/**
 * Rule 4: a sensitive flag requires verified authentication by a fresh key set and a valid approval. Continues,
 * denies (`auth_not_verified`, `approval_…`, `admin_unreachable`, `fail_safe` for an unreadable override or stale rows), or returns
 * the question for Admin where an approval is named and `answer` is undefined. Authentication is checked first, so an
 * unverified caller learns nothing about approvals, and causes no call to Admin.
 */
export function evaluateApprovalRule(
  facts: EvaluationInput,
  answer: ApprovalAnswer | undefined,
): RuleResult {
  const { principal, request, rows, now } = facts
  const flag = rows.flag?.row as FlagRow // Rule 1 guarantees it.
  if (!flag.sensitive) return NOT_SENSITIVE
  if (rows.stale !== undefined) return failSafeAt(4, 'backing_stale')
  if (principal.mode !== 'verified') return refuse('auth_not_verified')
  if (principal.key_set_stale) return refuse('auth_not_verified', { jwks_stale: true })

  const approval = findNamedApproval(facts)
  if ('cause' in approval) return failSafeAt(4, approval.cause)
  if (approval.ref === null) return refuse('approval_missing')
  if (answer === undefined) {
    const { tenant_id, user_id } = principal
    const question = { approval_ref: approval.ref, flag_key: request.flag_key, tenant_id, user_id }
    return { kind: 'ask', question: question satisfies ApprovalQuery }
  }

  const { ref: approval_ref, named_by } = approval
  if (answer.status === 'unreachable') {
    return denyWith(buildDenyEntry('admin_unreachable', { named_by }), 'admin_unreachable', {
      approval_ref,
      ttl_state: null,
    })
  }
  const ttl_state = computeTtlState(answer, now)
  const refusal = APPROVAL_REFUSALS[ttl_state]
  const consulted = { approval_ref, ttl_state }
  if (refusal !== null) return denyWith(buildDenyEntry(refusal, { named_by }), refusal, consulted)
  const outcome = ttl_state === 'expiring_soon' ? ttl_state : 'approved'
  return continueWith({ ...AT, outcome, named_by }, consulted)
}

const buildDenyEntry = (
  code: DenyReason,
  detail: { named_by?: NamedBy; jwks_stale?: true } = {},
): ChainEntry => ({
  ...AT,
  outcome: 'denied',
  code,
  ...detail,
})
const refuse = (code: DenyReason, detail?: { jwks_stale: true }): RuleResult =>
  denyWith(buildDenyEntry(code, detail), code)

type NamedApproval =
  | { readonly ref: string; readonly named_by: NamedBy }
  | { readonly ref: null }
  | { readonly cause: FailSafeCause }

/**
 * The approval that the request names, without falling back when it is bad; else the approval of the override that
 * would be served, never of another. An unreadable override engages the fail-safe.
 */
function findNamedApproval(facts: EvaluationInput): NamedApproval {
  if (facts.request.approval_ref !== null) {
    return { ref: facts.request.approval_ref, named_by: 'request' }
  }
  for (const scope of ['user', 'tenant'] as const) {
    const layer = readOverrideLayer(facts, scope)
    if (layer.outcome === 'unreadable') return { cause: layer.cause }
    if (layer.outcome !== 'matched') continue
    const ref = layer.row.approval_ref
    return ref === undefined ? { ref: null } : { ref, named_by: `${scope}_override` }
  }
  return { ref: null }
}
