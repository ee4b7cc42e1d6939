import {
  type ClaimExpectations,
  findClaimFault,
  type Claims,
  readIdentity,
} from '../../core/auth/claims.ts'
import type { Condition, ModeMatrix, ModeOutcome, AuthGrant } from '../../core/auth/modes.ts'
import type { AuthResult, Environment, AuthRefusal } from '../../core/auth/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { type Algorithm, verifySignatureBytes } from '../jose/compact.ts'
import type { ExplainedToken, TokenVerifier } from '../../ports/auth.ts'
import type { HeldKeySet, KeySource } from './key-source.ts'
import { hashToken, type TokenCache } from './token-cache.ts'
import { parseClaims, parseCompactJws } from './token-form.ts'

export interface VerifierRules {
  readonly modes: ModeMatrix
  /** The allow-list: asymmetric ones alone, by the contract's schema. */
  readonly algorithms: ReadonlySet<string>
  readonly claims: ClaimExpectations
  readonly max_bytes: number
  /** A set older than this verifies, but not for sensitive flags. */
  readonly sensitive_max_age_s: number
}
interface VerificationMoment {
  readonly now: Instant
  readonly environment: Environment
}

/** What the signature half of the checks came to. */
interface Proof {
  /** Several only where each of them lets the caller in. */
  readonly conditions: readonly Condition[]
  /** Null where the checks ended before anybody could go on with them. */
  readonly claims: Claims | null
  /** Of the set that it was held to; 0 where it was held to none. */
  readonly age_ms: number
  /** Of the keys under which the signature was seen to hold. */
  readonly generation?: number
}
const buildFailedProof = (condition: Condition): Proof => ({
  conditions: [condition],
  claims: null,
  age_ms: 0,
})

/**
 * Verifies tokens in page 2's order of checks: form, crit, alg, key, signature, then the claims. What is found
 * out is a condition; what follows from it in an environment stands in the mode matrix and nowhere else.
 */
export class JwksVerifier implements TokenVerifier {
  private readonly keys: KeySource
  private readonly rules: VerifierRules
  private readonly cache: TokenCache
  /** How many were let in by a token that nobody verified. */
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

  /** What is known of this very token under the keys of now, or else what the checks come to. */
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

  /** The claims half of the checks, and what follows from both. */
  private judge({ conditions, claims, age_ms }: Proof, at: VerificationMoment): ExplainedToken {
    const outcomes = conditions.map((one) => this.rules.modes(one, at.environment))
    const refusal = outcomes.find(isRefusal)
    if (refusal !== undefined) return { authentication: refusal, conditions, claims }
    if (claims === null) throw new Error(`${conditions.join()} lets somebody in without claims`)
    const fault = findClaimFault(claims, this.rules.claims, at.now)
    if (fault !== null) {
      const authentication = this.rules.modes(fault, at.environment) as AuthRefusal
      return { authentication, conditions: [fault], claims }
    }
    const { mode, source, warnings } = mergeGrants(outcomes as readonly AuthGrant[])
    if (mode === 'decode-only') this.decodeOnly += 1
    const { user_id, tenant_id, scopes } = readIdentity(claims)
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

  /** Holds a token whose form is good to its key. */
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

/** No extension is understood here (RFC 7515, 4.1.11), and `b64` is one whether or not it says so (RFC 7797). */
const hasUnsupportedExtension = ({ crit, b64 }: Claims): boolean =>
  crit !== undefined || b64 === false

/** What of a token names its key. */
interface KeyedToken {
  readonly alg: string
  readonly kid: string | null
  readonly claims: Claims
}

/** A signature that holds; a token without kid and a set past its time are told as well. */
function buildProof(
  claims: Claims,
  kid: boolean,
  { stale, age_ms, generation }: HeldKeySet,
): Proof {
  const named: Condition = kid ? 'verified' : 'verified_without_kid'
  const conditions: readonly Condition[] = stale ? [named, 'verified_stale'] : [named]
  return { conditions, claims, age_ms, generation }
}

/** One standing with the warnings of all. */
function mergeGrants(outcomes: readonly AuthGrant[]): AuthGrant {
  const [first, ...more] = outcomes as readonly [AuthGrant, ...AuthGrant[]]
  if (more.length === 0) return first
  const warnings = [...new Set(outcomes.flatMap((one) => one.warnings))].sort()
  return { ...first, warnings }
}

const isRefusal = (outcome: ModeOutcome): outcome is AuthRefusal => 'refused' in outcome
