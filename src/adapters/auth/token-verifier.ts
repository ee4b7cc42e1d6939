import {
  type ClaimExpectations,
  findClaimFault,
  type Claims,
  readIdentity,
  type ScopeClaim,
} from '../../core/auth/claims.ts'
import type { Condition, ModeMatrix, ModeOutcome, AuthGrant } from '../../core/auth/modes.ts'
import type { AuthResult, Environment, AuthRefusal } from '../../core/auth/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { type Algorithm, verifySignatureBytes } from '../jose/compact.ts'
import type { ExplainedToken, TokenVerifier } from '../../ports/auth.ts'
import type { HeldKeySet, KeySource } from './key-source.ts'
import { hashToken, type TokenCache } from './token-cache.ts'
import { parseClaims, parseCompactJws } from './token-form.ts'

/** Rules of a verifier: mode matrix, algorithms, expected claims, limits. */
export interface VerifierRules {
  readonly modes: ModeMatrix
  /** Allowed algorithms; the contract's schema admits asymmetric ones only. */
  readonly algorithms: ReadonlySet<string>
  readonly claims: ClaimExpectations
  readonly scope_claim: ScopeClaim
  readonly max_bytes: number
  /** Above this age a key set no longer serves sensitive flags. */
  readonly sensitive_max_age_s: number
}
interface VerificationMoment {
  readonly now: Instant
  readonly environment: Environment
}

/** Result of the checks up to the signature. */
interface Proof {
  /** Several only where each of them grants access. */
  readonly conditions: readonly Condition[]
  /** Null where a failed check makes the claims irrelevant. */
  readonly claims: Claims | null
  /** Age of the key set used; 0 without one. */
  readonly age_ms: number
  /** Generation of the key set that verified the signature; absent without a verified signature. */
  readonly generation?: number
}
const buildFailedProof = (condition: Condition): Proof => ({
  conditions: [condition],
  claims: null,
  age_ms: 0,
})

/**
 * Verifies tokens in a fixed order: form, crit, alg, key, signature, claims (docs/reference/auth.md). A check yields a
 * condition; the mode matrix alone decides what a condition means in an environment.
 */
export class JwksVerifier implements TokenVerifier {
  private readonly keys: KeySource
  private readonly rules: VerifierRules
  private readonly cache: TokenCache
  /** Requests accepted with an unverified token. */
  decodeOnly = 0

  constructor(keys: KeySource, rules: VerifierRules, cache: TokenCache) {
    this.keys = keys
    this.rules = rules
    this.cache = cache
  }

  async verify(token: string, at: VerificationMoment): Promise<AuthResult> {
    return this.judge(await this.proof(token), at).authentication
  }

  async explain(token: string, at: VerificationMoment): Promise<ExplainedToken> {
    return this.judge(await this.proof(token), at)
  }

  async signature(token: string): Promise<Condition> {
    return (await this.prove(token, () => ({}))).conditions[0] as Condition
  }

  async expiry(token: string): Promise<number | null> {
    const { claims } = await this.proof(token)
    const { leeway_s } = this.rules.claims
    return claims === null ? null : (Number(claims['exp']) + leeway_s) * 1000
  }

  /** The cached result for this token under the current keys, or else a new verification. */
  private proof(token: string): Proof | Promise<Proof> {
    const held = token.length > this.rules.max_bytes ? null : this.keys.current()
    if (held === null) return this.computeProof(token, null)
    const digest = hashToken(token)
    const proven = this.cache.get(digest, held.generation)
    return proven === null
      ? this.computeProof(token, digest)
      : buildProof(proven.claims, proven.kid, held)
  }

  private async computeProof(token: string, known: string | null): Promise<Proof> {
    const proof = await this.prove(token, parseClaims)
    const { claims, generation, conditions } = proof
    if (claims !== null && generation !== undefined) {
      const kid = conditions[0] === 'verified'
      this.cache.put(known ?? hashToken(token), generation, { claims, kid })
    }
    return proof
  }

  /** Checks the claims and looks up the outcome of all conditions. */
  private judge({ conditions, claims, age_ms }: Proof, at: VerificationMoment): ExplainedToken {
    const outcomes = conditions.map((one) => this.rules.modes(one, at.environment))
    const refusal = outcomes.find(isRefusal)
    if (refusal !== undefined) return { authentication: refusal, conditions, claims }
    if (claims === null) throw new Error(`${conditions.join()} grants access without claims`)
    const fault = findClaimFault(claims, this.rules.claims, at.now)
    if (fault !== null) {
      const authentication = this.rules.modes(fault, at.environment) as AuthRefusal
      return { authentication, conditions: [fault], claims }
    }
    const { mode, source, warnings } = mergeGrants(outcomes as readonly AuthGrant[])
    if (mode === 'decode-only') this.decodeOnly += 1
    const { user_id, tenant_id, scopes } = readIdentity(claims, this.rules.scope_claim)
    const authentication: AuthResult = {
      mode,
      source,
      warnings,
      user_id,
      tenant_id,
      scopes: mode === 'verified' ? scopes : [],
      key_set_stale: age_ms > this.rules.sensitive_max_age_s * 1000,
    }
    return { authentication, conditions, claims }
  }

  private async prove(token: string, read: (payload: Buffer) => Claims | null): Promise<Proof> {
    const form = parseCompactJws(token, this.rules.max_bytes)
    const claims = form === null ? null : read(form.payload)
    if (form === null || claims === null) return buildFailedProof('token_malformed')
    const { alg, kid = null } = form.header
    if (hasUnsupportedExtension(form.header)) return buildFailedProof('crit_unsupported')
    if (typeof alg !== 'string' || !this.rules.algorithms.has(alg))
      return buildFailedProof('alg_not_allowed')
    return this.hold(token, { alg, kid, claims })
  }

  /** Verifies a well-formed token with its key. */
  private async hold(token: string, { alg, kid, claims }: KeyedToken): Promise<Proof> {
    const answer = await this.keys.forKid(kid)
    if (answer.status !== 'held')
      return { conditions: [`keys_${answer.status}`], claims, age_ms: 0 }
    const { held, refreshed } = answer
    const selected = await held.set.select(kid, alg)
    if (selected.status === 'kid_absent' && refreshed !== 'ok')
      return { conditions: [`refresh_${refreshed}`], claims, age_ms: 0 }
    if (selected.status !== 'found') return buildFailedProof(selected.status)
    const holds = verifySignatureBytes(token, selected.key, alg as Algorithm)
    return holds ? buildProof(claims, kid !== null, held) : buildFailedProof('signature_invalid')
  }
}

/** No extension is supported (RFC 7515, 4.1.11); `b64: false` is one even if `crit` does not list it (RFC 7797). */
const hasUnsupportedExtension = ({ crit, b64 }: Claims): boolean =>
  crit !== undefined || b64 === false

/** The parts of a token that select its key, and its claims. */
interface KeyedToken {
  readonly alg: string
  readonly kid: string | null
  readonly claims: Claims
}

/** The proof of a verified signature; adds conditions for a token without `kid` and for a stale key set. */
function buildProof(
  claims: Claims,
  kid: boolean,
  { stale, age_ms, generation }: HeldKeySet,
): Proof {
  const named: Condition = kid ? 'verified' : 'verified_without_kid'
  const conditions: readonly Condition[] = stale ? [named, 'verified_stale'] : [named]
  return { conditions, claims, age_ms, generation }
}

/** Merges grants of one mode into one with the warnings of all. */
function mergeGrants(outcomes: readonly AuthGrant[]): AuthGrant {
  const [first, ...more] = outcomes as readonly [AuthGrant, ...AuthGrant[]]
  if (more.length === 0) return first
  const warnings = [...new Set(outcomes.flatMap((one) => one.warnings))].sort()
  return { ...first, warnings }
}

const isRefusal = (outcome: ModeOutcome): outcome is AuthRefusal => 'refused' in outcome
