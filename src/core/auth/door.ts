import type { Principal } from '../evaluate/types.ts'
import { isScopeId } from '../state/grammar.ts'
import {
  type Authentication,
  type Credential,
  type Environment,
  isRefused,
  type NamedContext,
  refused,
} from './types.ts'

/** M-09a and M-09b: who comes without a token. Headers count in dev+H alone and are ignored elsewhere. */
export function withoutToken(credential: Credential, environment: Environment): Authentication {
  const { dev_headers } = credential
  if (dev_headers === null || environment !== 'dev+H') return ANONYMOUS
  const ids = [dev_headers.tenant_id, dev_headers.user_id]
  if (ids.some((id) => id !== null && !isScopeId(id))) return refused('context_invalid')
  return {
    mode: 'dev-headers',
    source: 'dev-headers',
    ...dev_headers,
    warnings: ['auth_not_verified', 'dev_headers'],
    key_set_stale: false,
  }
}

const ANONYMOUS: Principal = {
  mode: 'none',
  source: 'none',
  tenant_id: null,
  user_id: null,
  scopes: [],
  warnings: ['unauthenticated'],
  key_set_stale: false,
}

/** Lets a verified caller speak for others (page 5). */
export const EVALUATE_ANY = 'ff:evaluate:any'

/**
 * Whose decision it is (page 1, identity by mode): the credential's own, but mode none takes the
 * request's word, and a verified caller with the scope may name another.
 */
export function inContext(result: Authentication, named: NamedContext): Authentication {
  if (isRefused(result)) return result
  const free =
    result.mode === 'none' || (result.mode === 'verified' && result.scopes.includes(EVALUATE_ANY))
  const { tenant_id, user_id } = result
  if (free)
    return { ...result, tenant_id: named.tenant_id ?? tenant_id, user_id: named.user_id ?? user_id }
  const differs =
    (named.tenant_id !== null && named.tenant_id !== tenant_id) ||
    (named.user_id !== null && named.user_id !== user_id)
  return differs ? refused('context_mismatch') : result
}
