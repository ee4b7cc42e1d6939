import { type Instant, instantToMs } from '../rows/instant.ts'
import { isScopeId } from '../rows/grammar.ts'
import type { Condition } from './modes.ts'

/** What the claims of a token are held to. */
export interface ClaimExpectations {
  /** Names of the claims that have to be there. */
  readonly required: readonly string[]
  readonly issuer: string
  readonly audience: string
  /** By how much clocks may differ, in seconds: at most 60 (page 2). */
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
 * The first thing that is wrong with the claims, in page 2's order: present, iss, aud, nbf, exp, ids.
 * Null where nothing is. decode-only skips the signature and none of this.
 *
 * @param claims of a token whose form holds: `exp` and `nbf` are finite numbers where they are there
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
  ['audience_mismatch', (claims, { audience }) => [claims['aud']].flat().includes(audience)],
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
const isId = (claim: unknown): boolean => typeof claim === 'string' && isScopeId(claim)

/** `exp` and `nbf`, where there, are numbers that end somewhere; `1e400` is none. */
export const hasFiniteTimes = (claims: Claims): boolean =>
  ['exp', 'nbf'].every(
    (name) =>
      claims[name] === undefined ||
      (typeof claims[name] === 'number' && Number.isFinite(claims[name])),
  )

/** Who the claims say it is; `scope` as RFC 8693, 4.2 has it. Nothing here says that they are true. */
export const readIdentity = (
  claims: Claims,
): {
  readonly user_id: string
  readonly tenant_id: string | null
  readonly scopes: readonly string[]
} => ({
  user_id: claims['sub'] as string,
  tenant_id: (claims['tid'] as string | undefined) ?? null,
  scopes:
    typeof claims['scope'] === 'string'
      ? claims['scope'].split(' ').filter((scope) => scope !== '')
      : [],
})
