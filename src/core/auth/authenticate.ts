import type { ModeMatrix } from './modes.ts'
import { isScopeId } from '../rows/grammar.ts'
import {
  type AuthResult,
  type Credential,
  type Environment,
  isAuthRefusal,
  type NamedContext,
  makeAuthRefusal,
} from './types.ts'

/** By what the door goes. */
export interface CallerRules {
  readonly modes: ModeMatrix
  /** The only scopes that dev headers can give (`FF_DEV_SCOPES`). */
  readonly dev_scopes: readonly string[]
}

/** Who comes without a token. Dev headers count where the matrix lets them, and are ignored elsewhere. */
export function authenticateWithoutToken(
  { dev_headers }: Credential,
  environment: Environment,
  { modes, dev_scopes }: CallerRules,
): AuthResult {
  const outcome = modes(dev_headers === null ? 'no_token' : 'dev_headers', environment)
  if ('refused' in outcome) return outcome
  const standing = { ...outcome, key_set_stale: false }
  if (dev_headers === null || outcome.mode === 'none')
    return { ...standing, tenant_id: null, user_id: null, scopes: [] }
  const { tenant_id, user_id, scopes } = dev_headers
  if ([tenant_id, user_id].some((id) => id !== null && !isScopeId(id)))
    return makeAuthRefusal('context_invalid')
  return {
    ...standing,
    tenant_id,
    user_id,
    scopes: scopes.filter((one) => dev_scopes.includes(one)),
  }
}

/** Lets a verified caller speak for others (page 5). */
export const EVALUATE_ANY = 'ff:evaluate:any'

/**
 * Whose decision it is (page 1, identity by mode): the credential's own, but mode none takes the
 * request's word, and a verified caller with the scope may name another.
 */
export function resolveNamedContext(result: AuthResult, named: NamedContext): AuthResult {
  if (isAuthRefusal(result)) return result
  const free =
    result.mode === 'none' || (result.mode === 'verified' && result.scopes.includes(EVALUATE_ANY))
  const { tenant_id, user_id } = result
  if (free)
    return { ...result, tenant_id: named.tenant_id ?? tenant_id, user_id: named.user_id ?? user_id }
  const differs =
    (named.tenant_id !== null && named.tenant_id !== tenant_id) ||
    (named.user_id !== null && named.user_id !== user_id)
  return differs ? makeAuthRefusal('context_mismatch') : result
}
