import type { Principal, Warning } from '../evaluate/types.ts'
import { type Instant, toMilliseconds } from '../state/instant.ts'
import { isScopeId } from '../state/grammar.ts'
import { type Authentication, type RefusalCode, refused } from './types.ts'

export interface ClaimExpectations {
  readonly issuer: string
  readonly audience: string
}
/** Whether a signature was checked, and what the key set was like: what the mode rests on. */
export type Standing = Pick<Principal, 'mode' | 'source' | 'key_set_stale'> & {
  readonly warnings: readonly Warning[]
}
export type Claims = Readonly<Record<string, unknown>>

/**
 * The claims half of page 2's order of checks: present, iss, aud, nbf, exp, ids. decode-only skips the
 * signature and none of this (M-07, "also where M-02 or M-03 would apply").
 */
export function judgeClaims(
  claims: Claims,
  standing: Standing,
  expected: ClaimExpectations & { readonly now: Instant },
): Authentication {
  const refusal = CHECKS.find(([, holds]) => !holds(claims, expected))
  if (refusal !== undefined) return refused(refusal[0])
  const trusted = standing.mode === 'verified'
  return {
    ...standing,
    user_id: claims['sub'] as string,
    tenant_id: (claims['tid'] as string | undefined) ?? null,
    scopes:
      trusted && typeof claims['scope'] === 'string'
        ? claims['scope'].split(' ').filter((scope) => scope !== '')
        : [],
  }
}

type Check = (claims: Claims, expected: ClaimExpectations & { readonly now: Instant }) => boolean
const CHECKS: readonly (readonly [RefusalCode, Check])[] = [
  [
    'claim_missing',
    (claims) => ['exp', 'sub', 'iss', 'aud'].every((name) => claims[name] !== undefined),
  ],
  [
    'token_malformed',
    (claims) =>
      isNumericDate(claims['exp']) && (claims['nbf'] === undefined || isNumericDate(claims['nbf'])),
  ],
  ['issuer_mismatch', (claims, { issuer }) => claims['iss'] === issuer],
  ['audience_mismatch', (claims, { audience }) => [claims['aud']].flat().includes(audience)],
  ['token_not_yet_valid', (claims, { now }) => seconds(now) >= Number(claims['nbf'] ?? 0)],
  // RFC 7519, 4.1.4: not accepted on or after the time.
  ['token_expired', (claims, { now }) => seconds(now) < Number(claims['exp'])],
  [
    'context_invalid',
    (claims) => isId(claims['sub']) && (claims['tid'] === undefined || isId(claims['tid'])),
  ],
]

// Seconds, not milliseconds: RFC 7519, section 2, NumericDate.
const seconds = (now: Instant): number => toMilliseconds(now) / 1000
const isNumericDate = (claim: unknown): boolean =>
  typeof claim === 'number' && Number.isFinite(claim)
const isId = (claim: unknown): boolean => typeof claim === 'string' && isScopeId(claim)
