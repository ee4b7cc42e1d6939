import type { AuthSettings } from '../../core/auth/contract.ts'
import type { Claims } from '../../core/auth/claims.ts'
import type { Condition } from '../../core/auth/modes.ts'
import { type Environment, isAuthRefusal } from '../../core/auth/types.ts'
import type { CheckReport } from '../../core/report/types.ts'
import type { ExitName } from '../../core/exit.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { Authenticator } from '../../ports/auth.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'

/** Options of `ff token verify`. */
export interface VerifyOptions {
  readonly environment: Environment
  /** Called for each token: the input may last for hours. */
  readonly now: () => Instant
  /** Verifies the signature only, for test collections whose payload holds no claims. */
  readonly signatureOnly: boolean
  /** Reports each check in order. */
  readonly explain: boolean
}

/** Result of one token. */
export interface TokenVerdict {
  readonly verdict: 'verified' | 'decode-only' | 'refused'
  /** Why the token is not verified; null if it is. */
  readonly code: string | null
  readonly conditions: readonly Condition[]
  readonly claims: Claims | null
}

/**
 * Verifies one token. Returns `verified` with a null code, `decode-only` with `auth_not_verified`, or `refused` with
 * the code of the refusal, and the conditions that the verifier met. With `signatureOnly`, judges the signature as in
 * production and skips the claims, which are null then.
 *
 * @throws errors of the verifier
 */
export async function judgeToken(
  { verifier, rules }: Authenticator,
  token: string,
  { environment, now, signatureOnly }: VerifyOptions,
): Promise<TokenVerdict> {
  if (signatureOnly) {
    const condition = await verifier.signature(token)
    const outcome = rules.modes(condition, 'prod')
    return 'refused' in outcome
      ? { verdict: 'refused', code: outcome.refused, conditions: [condition], claims: null }
      : { verdict: 'verified', code: null, conditions: [condition], claims: null }
  }
  const { authentication, conditions, claims } = await verifier.explain(token, {
    now: now(),
    environment,
  })
  if (isAuthRefusal(authentication))
    return { verdict: 'refused', code: authentication.refused, conditions, claims }
  return authentication.mode === 'verified'
    ? { verdict: 'verified', code: null, conditions, claims }
    : { verdict: 'decode-only', code: 'auth_not_verified', conditions, claims }
}

/** Whether the key set was missing: the endpoint is unreachable, misconfigured or not configured. */
const lacksKeys = ({ conditions }: TokenVerdict): boolean =>
  conditions.some((one) => one.startsWith('keys_') || one.startsWith('refresh_'))

/**
 * The exit of one token: `ok` if it is verified, `inconclusive` if it could not be verified for want of keys, which is
 * neither a pass nor a NO-GO, else `no_go` (also for `decode-only`).
 */
export const toTokenExit = (verdict: TokenVerdict): ExitName =>
  verdict.verdict === 'verified' ? 'ok' : lacksKeys(verdict) ? 'inconclusive' : 'no_go'

/** The checks in the order of the verifier, each with the conditions that end it and the claim that it reads. */
export const TOKEN_CHECKS: readonly (readonly [
  id: string,
  ends: readonly Condition[],
  claim?: string,
])[] = [
  ['form', ['token_malformed']],
  ['crit', ['crit_unsupported']],
  ['alg', ['alg_not_allowed']],
  [
    'key',
    [
      'keys_unreachable',
      'keys_misconfigured',
      'keys_unconfigured',
      'refresh_unreachable',
      'refresh_misconfigured',
      'kid_ambiguous',
      'kid_absent',
      'key_not_usable',
    ],
  ],
  ['signature', ['signature_invalid']],
  ['claims', ['claim_missing']],
  ['iss', ['issuer_mismatch'], 'iss'],
  ['aud', ['audience_mismatch'], 'aud'],
  ['nbf', ['token_not_yet_valid'], 'nbf'],
  ['exp', ['token_expired'], 'exp'],
  ['ids', ['context_invalid'], 'sub'],
]

/**
 * The state of each check of `TOKEN_CHECKS` in order, or of those before `claims` with `signatureOnly`. The check that
 * ends the verification is `fail`, or `inconclusive` for want of keys; those before it `pass`, those after it are
 * `pending`. For `decode-only`, the one that ended it and `signature` are `inconclusive`, all others `pass`.
 */
export function listChecks(
  judged: TokenVerdict,
  signatureOnly: boolean,
): readonly VerificationStep[] {
  const { verdict, conditions } = judged
  const end = TOKEN_CHECKS.findIndex(([, ends]) => ends.some((one) => conditions.includes(one)))
  const last = signatureOnly
    ? TOKEN_CHECKS.findIndex(([id]) => id === 'claims')
    : TOKEN_CHECKS.length
  return TOKEN_CHECKS.slice(0, last).map(([id], at): VerificationStep => {
    if (verdict === 'decode-only')
      return { id, state: at === end || id === 'signature' ? 'inconclusive' : 'pass' }
    if (end === -1 || at < end) return { id, state: 'pass' }
    return { id, state: at > end ? 'pending' : lacksKeys(judged) ? 'inconclusive' : 'fail' }
  })
}
/** The state of one check of `TOKEN_CHECKS`. */
export interface VerificationStep {
  readonly id: string
  readonly state: CheckResult['state']
}

/**
 * The report of one token: the item `token`, and before it, with `explain`, one for each check, titled with the
 * claim that it read and the value it was held against. A token that is not verified is a finding with its code; the
 * exit is `ok` if verified, `inconclusive` if it could not be verified for want of keys, else `no_go`.
 */
export function buildTokenReport(
  verdict: TokenVerdict,
  { explain, signatureOnly, now }: VerifyOptions,
  { issuer, audience }: AuthSettings,
): CheckReport {
  const { code, claims } = verdict
  const summary: CheckResult =
    code === null
      ? passResult('token', verdict.conditions.join(', '))
      : {
          id: 'token',
          title: verdict.verdict,
          state: toTokenExit(verdict) === 'inconclusive' ? 'inconclusive' : 'fail',
          findings: [{ code, pointer: null, detail: verdict.conditions.join(', ') }],
          next: explain ? null : 'Run ff token verify again with --explain.',
        }
  const wanted: Readonly<Record<string, string>> = {
    iss: issuer,
    aud: audience,
    nbf: now(),
    exp: now(),
  }
  const steps = explain ? listChecks(verdict, signatureOnly) : []
  const items = steps.map(({ id, state }): CheckResult => {
    const claim = TOKEN_CHECKS.find(([name]) => name === id)?.[2]
    const shown =
      claim === undefined || claims === null ? '' : JSON.stringify(claims[claim] ?? null)
    const against = wanted[id] === undefined || shown === '' ? '' : `, against ${wanted[id]}`
    return { id, title: `${shown}${against}`, state, findings: [], next: null }
  })
  return buildCheckReport('token_verify', [...items, summary], { exits: [toTokenExit(verdict)] })
}
