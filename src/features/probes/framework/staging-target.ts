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
  /** FF_STAGING_FAULTS, a program that causes failures there; null where it is not set. */
  readonly faults: string | null
  /** The claim that holds the scopes of a token. */
  readonly scopeClaim: ScopeClaim
  /** Settings of the cutover that the instances take part in, as on the host of its file. */
  readonly cutover: CutoverSettings
}
export interface CutoverSettings {
  /** FF_CUTOVER_LEASE and FF_DRAIN_DELAY, in milliseconds. */
  readonly leaseMs: number
  readonly drainMs: number
  /** Of FF_AUDIT_DIGEST_KEY_FILE. */
  readonly digestKey: Uint8Array
}
/** What the program of FF_STAGING_FAULTS makes fail. */
export type StagingFault = 'admin' | 'database'
/** What a probe needs to measure the instances of staging. */
export interface StagingNeeds {
  readonly instances: number
  /** Tokens of so many users, each with all scopes; the last one of another tenant than the first. */
  readonly callers: number
  /** `each` where no two of them may be of one tenant. */
  readonly tenants?: 'each'
  readonly scopes: readonly string[]
  /** What has to be made to fail; absent for nothing. */
  readonly fault?: StagingFault
  /** What it changes there, and what stays. */
  readonly changes: string
}
/** A caller with a token. */
export interface StagingCaller {
  readonly headers: Readonly<Record<string, string>>
  readonly tenant_id: string
  readonly user_id: string
}
