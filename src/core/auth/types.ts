import type { Principal } from '../evaluate/types.ts'

/**
 * The three columns of the mode matrix: dev with and without dev headers, and everything else. Staging, an unset and
 * an unknown `FF_ENV` all count as prod.
 */
export const ENVIRONMENTS = ['dev+H', 'dev-H', 'prod'] as const
export type Environment = (typeof ENVIRONMENTS)[number]

/** Each refusal of a credential with its HTTP status. */
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

/** A separate variant, so that no code can take a refusal for a principal of mode `none`. */
export interface AuthRefusal {
  readonly refused: AuthRefusalCode
  readonly http: number
}
/** The refusal of a credential with the HTTP status that `AUTH_REFUSALS` gives its code. */
export const makeAuthRefusal = (code: AuthRefusalCode): AuthRefusal => ({
  refused: code,
  http: AUTH_REFUSALS[code],
})

export type AuthResult = Principal | AuthRefusal
/** Whether an authentication result is a refusal, not a principal. */
export const isAuthRefusal = (result: AuthResult): result is AuthRefusal => 'refused' in result

/** The credentials of one request. */
export interface Credential {
  /** A compact JWS, unchanged; null without one. */
  readonly token: string | null
  readonly dev_headers: DevHeaders | null
}
export interface DevHeaders {
  readonly user_id: string | null
  readonly tenant_id: string | null
  readonly scopes: readonly string[]
}

/** The tenant and user that a request asks to be evaluated for. */
export interface NamedContext {
  readonly tenant_id: string | null
  readonly user_id: string | null
}
