import type { Approval } from '../evaluate/approvals.ts'
import type { AuthMode, Scope, SensitivePath, ApprovalTtlState } from '../evaluate/types.ts'
import type { Environment } from '../auth/types.ts'
import type { JsonObject } from '../json/read.ts'
import type { Instant } from '../rows/instant.ts'
import type { RowsByTable } from '../rows/rows.ts'

/** The dimensions that a vector covers; `ttl_state` is null where no approval is involved. */
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
/** The caller as known before authentication. */
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
/** A validated vector. */
export interface Vector<Credential> {
  readonly id: string
  readonly title: string
  readonly covers: VectorCoverage
  readonly given: VectorInput
  readonly credential: Credential
  readonly request: VectorQuestion
  /** The envelope without `meta.backing_state`. */
  readonly expected: JsonObject
}
