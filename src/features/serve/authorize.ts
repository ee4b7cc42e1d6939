import { resolveNamedContext } from '../../core/auth/authenticate.ts'
import { isAuthRefusal, type NamedContext } from '../../core/auth/types.ts'
import type { Principal } from '../../core/evaluate/types.ts'
import { findAccessRefusal, type ScopeRequirement } from '../../core/http-api/access.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { RouteRequest } from '../../ports/http.ts'
import { authenticate } from '../evaluation/answer-question.ts'
import type { ServiceDependencies } from './dependencies.ts'
import { HttpRefusal } from './reply.ts'

/**
 * Authenticates the caller of a request as of `now`. A caller whose token was only decoded is returned too, and
 * reported to the observer.
 *
 * @throws HttpRefusal with the code of the authenticator
 */
export async function authenticateCaller(
  { authenticator, environment, observer }: ServiceDependencies,
  { credential }: RouteRequest,
  now: Instant,
): Promise<Principal> {
  const caller = await authenticate(authenticator, credential, { now, environment })
  if (isAuthRefusal(caller)) throw new HttpRefusal(caller.refused)
  if (caller.mode === 'decode-only') observer.unverified(String(caller.user_id))
  return caller
}

/**
 * The caller with the tenant and user that a decision is for: those named in the request, else the caller's own.
 *
 * @throws HttpRefusal `context_mismatch` where the caller may not speak for them
 */
export function resolvePrincipal(caller: Principal, named: Partial<NamedContext>): Principal {
  const { tenant_id = null, user_id = null } = named
  const principal = resolveNamedContext(caller, { tenant_id, user_id })
  if (isAuthRefusal(principal)) throw new HttpRefusal(principal.refused)
  return principal
}

/**
 * Does nothing where the caller has every needed scope and may access the tenant of the row.
 *
 * @throws HttpRefusal `token_missing` for a caller without a token, `scope_missing`, `tenant_foreign`
 */
export function requireScopes(caller: Principal, need: ScopeRequirement): void {
  const refusal = findAccessRefusal(caller, need)
  if (refusal !== null) throw new HttpRefusal(refusal)
}
