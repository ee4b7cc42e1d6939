import type { CanonicalJson } from '../json/canonical.ts'
import type { Instant } from '../rows/instant.ts'
import type { RowsOfFlag } from '../rows/rows.ts'

export const AUTH_MODES = ['verified', 'decode-only', 'dev-headers', 'none'] as const
export const OVERRIDE_SCOPES = ['user', 'tenant', 'global'] as const
export const SENSITIVE_PATHS = ['SP-1', 'SP-2', 'SP-3', 'SP-4', 'SP-5'] as const
/** In the order in which they are checked: the earlier state wins. */
export const TTL_STATES = [
  'unknown',
  'revoked',
  'not_yet_valid',
  'expired',
  'expiring_soon',
  'valid',
] as const
export type AuthMode = (typeof AUTH_MODES)[number]
export type Scope = (typeof OVERRIDE_SCOPES)[number]
export type SensitivePath = (typeof SENSITIVE_PATHS)[number]
export type ApprovalTtlState = (typeof TTL_STATES)[number]

export type AuthSource = 'jwt' | 'jwt-unverified' | 'dev-headers' | 'none'
export type Warning =
  | 'approval_expiring_soon'
  | 'auth_not_verified'
  | 'dev_headers'
  | 'jwks_stale'
  | 'jwks_unreachable'
  | 'kid_missing'
  | 'kid_not_found'
  | 'unauthenticated'

/** The caller after authentication. A refused credential never becomes a principal. */
export interface Principal {
  readonly mode: AuthMode
  readonly source: AuthSource
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly scopes: readonly string[]
  /** Sorted, without repeats. */
  readonly warnings: readonly Warning[]
  /** Verified by a key set older than ten minutes: accepted for all but sensitive flags. */
  readonly key_set_stale: boolean
}

export interface EvaluationRequest {
  readonly flag_key: string
  readonly approval_ref: string | null
  readonly request_id: string
}

export type BackingKind = 'file' | 'db'

/** Everything that a decision depends on, except Admin's answer. */
export interface EvaluationInput {
  readonly request: EvaluationRequest
  readonly principal: Principal
  readonly rows: RowsOfFlag
  readonly now: Instant
  readonly backing_state: BackingKind
}

/** A question to Admin: the check `sensitive.check.2b`. */
export interface ApprovalQuery {
  readonly approval_ref: string
  readonly flag_key: string
  readonly tenant_id: string | null
  readonly user_id: string | null
}
export type ApprovalAnswer =
  | { readonly status: 'unreachable' }
  | { readonly status: 'unknown' }
  | {
      readonly status: 'known'
      readonly revoked: boolean
      readonly not_before: Instant
      readonly expires_at: Instant
      /** The state that Admin itself states; absent where the source states none. */
      readonly stated?: Exclude<ApprovalTtlState, 'unknown'>
    }

export type DenyReason =
  | 'flag_unknown'
  | 'flag_archived'
  | 'kill_switch'
  | 'auth_required'
  | 'auth_not_verified'
  | 'approval_missing'
  | 'approval_unknown'
  | 'approval_not_yet_valid'
  | 'approval_expired'
  | 'approval_revoked'
  | 'admin_unreachable'
  | 'fail_safe'
export type AllowReason = 'user_override' | 'tenant_override' | 'global_default'

export type FailSafeCause =
  | 'row_broken'
  | 'row_foreign'
  | 'value_type_mismatch'
  | 'backing_stale'
  | 'rules_exhausted'
export type NamedBy = 'request' | 'user_override' | 'tenant_override'

/** One entry for each rule that was evaluated, with a closed set of details for each rule. */
export type ChainEntry =
  | {
      readonly prec: 1
      readonly rule: 'registered'
      readonly outcome: 'pass' | 'unknown' | 'archived'
    }
  | { readonly prec: 2; readonly rule: 'kill_switch'; readonly outcome: 'pass' | 'killed' }
  | {
      readonly prec: 3
      readonly rule: 'authentication'
      readonly outcome: 'pass' | 'missing' | 'not_verified'
    }
  | {
      readonly prec: 4
      readonly rule: 'sensitive_overlay'
      readonly outcome: 'not_sensitive' | 'approved' | 'expiring_soon' | 'denied'
      readonly code?: DenyReason
      readonly named_by?: NamedBy
      readonly jwks_stale?: true
    }
  | {
      readonly prec: 5 | 6
      readonly rule: 'user_override' | 'tenant_override'
      readonly outcome: 'matched' | 'expired' | 'absent'
      readonly revision?: number
      readonly expires_at?: Instant
    }
  | { readonly prec: 7; readonly rule: 'global_default'; readonly outcome: 'matched' }
  | {
      readonly prec: 8
      readonly rule: 'fail_safe'
      readonly outcome: 'engaged'
      readonly cause: FailSafeCause
      /** Number of the rule that could not decide. */
      readonly at: number
    }

/** The answer to one evaluation. */
export interface Decision {
  readonly flag_key: string
  readonly decision: 'allow' | 'deny'
  /** Null where no safe value exists. */
  readonly value: CanonicalJson | null
  readonly reason: AllowReason | DenyReason
  readonly matched_scope: Scope | null
  readonly reason_chain: readonly ChainEntry[]
  readonly warnings: readonly Warning[]
  readonly meta: {
    readonly auth_mode: AuthMode
    readonly auth_source: AuthSource
    readonly tenant_id: string | null
    readonly user_id: string | null
    readonly approval_ref: string | null
    readonly ttl_state: ApprovalTtlState | null
    readonly flag_revision: number | null
    readonly override_revision: number | null
    readonly evaluated_at: Instant
    readonly request_id: string
    readonly backing_state: BackingKind
    /** Present where the store did not answer and the last known rows decided, as the next member. */
    readonly stale?: true
    /** Milliseconds since those rows were last known to equal the store. */
    readonly age_ms?: number
  }
}
