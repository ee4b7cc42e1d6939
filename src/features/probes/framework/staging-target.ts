import type { ScopeClaim } from '../../../core/auth/claims.ts'
import type { AdminPlan } from '../../../ports/admin.ts'
import type { StagingAddress } from '../../observe/staging-addresses.ts'

/** The instances of staging, and who asks them. */
export interface StagingTarget {
  readonly instances: readonly StagingAddress[]
  /** Tokens of FF_STAGING_TOKEN_FILE. */
  readonly tokens: readonly string[]
  /** FF_REDIS_URL, the Redis of the instances; null where it is not set. */
  readonly redis: string | null
  /** FF_ADMIN_URL with its credential, the Admin of the instances; null where it is not set. */
  readonly admin: AdminPlan | null
  /** FF_STAGING_APPROVAL; null where it is not set. */
  readonly approval: string | null
  /** The claim that holds the scopes of a token. */
  readonly scopeClaim: ScopeClaim
}
/** What a probe needs to measure the instances of staging. */
export interface StagingNeeds {
  readonly instances: number
  /** Tokens of so many users, each with all scopes; the last one of another tenant than the first. */
  readonly callers: number
  readonly scopes: readonly string[]
  /** What it changes there, and what stays. */
  readonly changes: string
}
/** A caller with a token. */
export interface StagingCaller {
  readonly headers: Readonly<Record<string, string>>
  readonly tenant_id: string
  readonly user_id: string
}
