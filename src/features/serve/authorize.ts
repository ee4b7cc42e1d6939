import { resolveNamedContext } from '../../core/auth/authenticate.ts'
import { isAuthRefusal, type NamedContext } from '../../core/auth/types.ts'
import type { Principal } from '../../core/evaluate/types.ts'
import { findAccessRefusal, type ScopeRequirement } from '../../core/http-api/access.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { RouteRequest } from '../../ports/http.ts'
import { authenticate } from '../evaluation/answer-question.ts'
import type { ServiceDependencies } from './dependencies.ts'
import { HttpRefusal } from './reply.ts'

/** Who calls. @throws Refusal with the door's code */
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

/** Whose decision it is. @throws Refusal `context_mismatch` */
export function resolvePrincipal(caller: Principal, named: Partial<NamedContext>): Principal {
  const { tenant_id = null, user_id = null } = named
  const principal = resolveNamedContext(caller, { tenant_id, user_id })
  if (isAuthRefusal(principal)) throw new HttpRefusal(principal.refused)
  return principal
}

/** @throws Refusal where a caller may not do what takes this */
export function requireScopes(caller: Principal, need: ScopeRequirement): void {
  const refusal = findAccessRefusal(caller, need)
  if (refusal !== null) throw new HttpRefusal(refusal)
}
