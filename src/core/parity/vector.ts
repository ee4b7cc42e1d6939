import type { Approval } from '../evaluate/approvals.ts'
import type { AuthMode, Scope, SensitivePath, ApprovalTtlState } from '../evaluate/types.ts'
import type { Environment } from '../auth/types.ts'
import type { JsonObject } from '../json/read.ts'
import type { Instant } from '../rows/instant.ts'
import type { RowsByTable } from '../rows/rows.ts'

/** What a vector is there for; `null` where no approval is in play. */
export interface VectorCoverage {
  readonly auth_mode: AuthMode
  readonly scope: Scope
  readonly sensitive_path: SensitivePath
  readonly ttl_state: ApprovalTtlState | null
}
export interface VectorQuestion {
  readonly flag_key: string
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly approval_ref: string | null
  readonly request_id: string
}
/** Who asks, as far as it can be told before the door was passed. */
export interface VectorCaller {
  readonly auth_mode: AuthMode
  readonly tenant_id: string | null
  readonly user_id: string | null
}
export interface VectorInput {
  readonly now: Instant
  readonly environment: Environment
  readonly state: RowsByTable
  readonly approvals: readonly Approval[]
  readonly admin: 'reachable' | 'unreachable'
}
/** A vector whose every part has been held to page 1. */
export interface Vector<Credential> {
  readonly id: string
  readonly title: string
  readonly covers: VectorCoverage
  readonly given: VectorInput
  readonly credential: Credential
  readonly request: VectorQuestion
  /** The whole envelope but `meta.backing_state`. */
  readonly expected: JsonObject
}
