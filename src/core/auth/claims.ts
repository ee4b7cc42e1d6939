import { type Instant, instantToMs } from '../rows/instant.ts'
import { isScopeId } from '../rows/grammar.ts'
import type { Condition } from './modes.ts'

/** Requirements for the claims of a token. */
export interface ClaimExpectations {
  /** Names of the required claims. */
  readonly required: readonly string[]
  readonly issuer: string
  readonly audience: string
  /** Allowed clock difference in seconds, at most 60. */
  readonly leeway_s: number
}
export type Claims = Readonly<Record<string, unknown>>
export type ClaimCondition = Extract<
  Condition,
  | 'claim_missing'
  | 'issuer_mismatch'
  | 'audience_mismatch'
  | 'token_not_yet_valid'
  | 'token_expired'
  | 'context_invalid'
>

/**
 * The first fault of the claims, checked in this order: required claims, iss, aud, nbf, exp (RFC 7519, 4.1), ids.
 * Null where they hold. The leeway widens nbf and exp; a missing nbf holds, a missing exp counts as expired. Mode
 * decode-only skips the signature but none of these checks.
 *
 * @param claims of a token that `hasFiniteTimes`
 */
export function findClaimFault(
  claims: Claims,
  expected: ClaimExpectations,
  now: Instant,
): ClaimCondition | null {
  const seconds = instantToMs(now) / 1000
  return CHECKS.find(([, holds]) => !holds(claims, expected, seconds))?.[0] ?? null
}

/** Seconds since the epoch: RFC 7519, section 2, NumericDate. */
type Check = (claims: Claims, expected: ClaimExpectations, now: number) => boolean
const CHECKS: readonly (readonly [ClaimCondition, Check])[] = [
  ['claim_missing', (claims, { required }) => required.every((name) => claims[name] !== undefined)],
  ['issuer_mismatch', (claims, { issuer }) => claims['iss'] === issuer],
  ['audience_mismatch', (claims, { audience }) => toList(claims['aud']).includes(audience)],
  [
    'token_not_yet_valid',
    (claims, { leeway_s }, now) =>
      claims['nbf'] === undefined || now >= Number(claims['nbf']) - leeway_s,
  ],
  // RFC 7519, 4.1.4: not accepted on or after the time.
  ['token_expired', (claims, { leeway_s }, now) => now < Number(claims['exp']) + leeway_s],
  [
    'context_invalid',
    (claims) => isId(claims['sub']) && (claims['tid'] === undefined || isId(claims['tid'])),
  ],
]
/** By hand, since `[claim].flat()` takes a quarter of a microsecond. */
const toList = (claim: unknown): readonly unknown[] => (Array.isArray(claim) ? claim : [claim])
const isId = (claim: unknown): boolean => typeof claim === 'string' && isScopeId(claim)

/** Whether `exp` and `nbf`, each where present, are finite numbers; a text or `1e400` is not. */
export const hasFiniteTimes = (claims: Claims): boolean =>
  ['exp', 'nbf'].every((name) => claims[name] === undefined || Number.isFinite(claims[name]))

/**
 * The identity that the claims state, without any check: `sub` as user, `tid` as tenant, null where absent, and the
 * scopes of their claim.
 *
 * @param claims without faults (`findClaimFault`)
 */
export const readIdentity = (
  claims: Claims,
  scopeClaim: ScopeClaim,
): {
  readonly user_id: string
  readonly tenant_id: string | null
  readonly scopes: readonly string[]
} => ({
  user_id: claims['sub'] as string,
  tenant_id: (claims['tid'] as string | undefined) ?? null,
  scopes: toScopes(claims[scopeClaim]),
})

/** The claims that hold scopes: `scope` of RFC 8693 (4.2) and 9068, and those of common authorization servers. */
export const SCOPE_CLAIMS = ['scope', 'scp', 'permissions'] as const
export type ScopeClaim = (typeof SCOPE_CLAIMS)[number]

/** A text of scopes separated by spaces, or a list of them; anything else, also within the list, is no scope. */
const toScopes = (claim: unknown): readonly string[] =>
  (typeof claim === 'string' ? claim.split(' ') : toList(claim)).filter(
    (scope): scope is string => typeof scope === 'string' && scope !== '',
  )
