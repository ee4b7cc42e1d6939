import type { Principal } from '../evaluate/types.ts'

/**
 * The three columns of the mode matrix (page 2): dev with and without the headers allowed, and
 * everything else. Staging, an unset and an unknown `FF_ENV` are all prod.
 */
export const ENVIRONMENTS = ['dev+H', 'dev-H', 'prod'] as const
export type Environment = (typeof ENVIRONMENTS)[number]

/** Each refusal of a credential and its HTTP status (page 2, mode matrix). */
export const AUTH_REFUSALS = {
  token_malformed: 401,
  crit_unsupported: 401,
  alg_not_allowed: 401,
  key_not_usable: 401,
  kid_missing: 401,
  kid_not_found: 401,
  signature_invalid: 401,
  claim_missing: 401,
  issuer_mismatch: 401,
  audience_mismatch: 401,
  token_not_yet_valid: 401,
  token_expired: 401,
  token_missing: 401,
  context_invalid: 403,
  context_mismatch: 403,
  jwks_unreachable: 503,
} as const
export type AuthRefusalCode = keyof typeof AUTH_REFUSALS

/** A variant of its own: nothing downstream can take it for a principal of mode `none`. */
export interface AuthRefusal {
  readonly refused: AuthRefusalCode
  readonly http: number
}
export const makeAuthRefusal = (code: AuthRefusalCode): AuthRefusal => ({
  refused: code,
  http: AUTH_REFUSALS[code],
})

export type AuthResult = Principal | AuthRefusal
export const isAuthRefusal = (result: AuthResult): result is AuthRefusal => 'refused' in result

/** What somebody brings to the door. */
export interface Credential {
  /** A compact JWS, exactly as it came; null where there is none. */
  readonly token: string | null
  readonly dev_headers: DevHeaders | null
}
export interface DevHeaders {
  readonly user_id: string | null
  readonly tenant_id: string | null
  readonly scopes: readonly string[]
}

/** Who a caller without a verified token may say that it is. */
export interface NamedContext {
  readonly tenant_id: string | null
  readonly user_id: string | null
}
