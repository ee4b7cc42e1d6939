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

/** The rules for callers without a token. */
export interface CallerRules {
  readonly modes: ModeMatrix
  /** The only scopes that dev headers can grant (`FF_DEV_SCOPES`). */
  readonly dev_scopes: readonly string[]
}

/**
 * The principal of a caller without a token, or the refusal that the mode matrix names. Dev headers count only where
 * the matrix accepts them, with only the scopes in `dev_scopes`; in mode `none` tenant and user are null and there
 * are no scopes. Refused as `context_invalid` for a malformed id in accepted dev headers.
 */
export function authenticateWithoutToken(
  { dev_headers }: Credential,
  environment: Environment,
  { modes, dev_scopes }: CallerRules,
): AuthResult {
  const outcome = modes(dev_headers === null ? 'no_token' : 'dev_headers', environment)
  if ('refused' in outcome) return outcome
  const grant = { ...outcome, key_set_stale: false }
  if (dev_headers === null || outcome.mode === 'none')
    return { ...grant, tenant_id: null, user_id: null, scopes: [] }
  const { tenant_id, user_id, scopes } = dev_headers
  if ([tenant_id, user_id].some((id) => id !== null && !isScopeId(id)))
    return makeAuthRefusal('context_invalid')
  return {
    ...grant,
    tenant_id,
    user_id,
    scopes: scopes.filter((one) => dev_scopes.includes(one)),
  }
}

/** The scope that lets a verified caller evaluate for other tenants and users. */
export const EVALUATE_ANY = 'ff:evaluate:any'

/**
 * The identity that a decision is made for: the credential's own, a refusal unchanged. In mode `none`, or for a
 * verified caller with `EVALUATE_ANY`, each named tenant or user replaces its own. Any other caller that names a
 * different one is refused as `context_mismatch`.
 */
export function resolveNamedContext(result: AuthResult, named: NamedContext): AuthResult {
  if (isAuthRefusal(result)) return result
  const free =
    result.mode === 'none' || (result.mode === 'verified' && result.scopes.includes(EVALUATE_ANY))
  const { mode, source, tenant_id, user_id, scopes, warnings, key_set_stale } = result
  if (free)
    return {
      mode,
      source,
      tenant_id: named.tenant_id ?? tenant_id,
      user_id: named.user_id ?? user_id,
      scopes,
      warnings,
      key_set_stale,
    }
  const differs =
    (named.tenant_id !== null && named.tenant_id !== tenant_id) ||
    (named.user_id !== null && named.user_id !== user_id)
  return differs ? makeAuthRefusal('context_mismatch') : result
}
