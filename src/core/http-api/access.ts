import type { Principal } from '../evaluate/types.ts'
import type { AuthRefusalCode } from '../auth/types.ts'
import type { AccessCode } from './problems.ts'

/** The access that a route requires of its caller. */
export interface ScopeRequirement {
  readonly scopes: readonly string[]
  /** The tenant whose data the route touches; null for none. Another tenant's data also requires `ff:tenant:any`. */
  readonly tenant: string | null
}
export const ANY_TENANT = 'ff:tenant:any'

/**
 * Why a caller may not use a route: `token_missing` in mode `none`, `scope_missing` without every required scope,
 * `tenant_foreign` for another tenant's data without `ff:tenant:any`, in this order. Null where it may.
 */
export function findAccessRefusal(
  { mode, scopes, tenant_id }: Principal,
  need: ScopeRequirement,
): AuthRefusalCode | AccessCode | null {
  if (mode === 'none') return 'token_missing'
  if (need.scopes.some((one) => !scopes.includes(one))) return 'scope_missing'
  const foreign = need.tenant !== null && need.tenant !== tenant_id
  return foreign && !scopes.includes(ANY_TENANT) ? 'tenant_foreign' : null
}
