import type { Principal } from '../evaluate/types.ts'
import type { AuthRefusalCode } from '../auth/types.ts'
import type { AccessCode } from './problems.ts'

/** What a route takes of whoever calls it (page 5, "who"). */
export interface ScopeRequirement {
  readonly scopes: readonly string[]
  /** Whose data it is about; another tenant's takes `ff:tenant:any`. */
  readonly tenant: string | null
}
export const ANY_TENANT = 'ff:tenant:any'

/** Why somebody who was let in may not do this; null where nothing speaks against it. */
export function findAccessRefusal(
  { mode, scopes, tenant_id }: Principal,
  need: ScopeRequirement,
): AuthRefusalCode | AccessCode | null {
  if (mode === 'none') return 'token_missing'
  if (need.scopes.some((one) => !scopes.includes(one))) return 'scope_missing'
  const foreign = need.tenant !== null && need.tenant !== tenant_id
  return foreign && !scopes.includes(ANY_TENANT) ? 'tenant_foreign' : null
}
