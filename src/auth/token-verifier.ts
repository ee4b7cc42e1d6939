import { type ClaimExpectations, judgeClaims } from '../core/auth/claims.ts'
import { type Authentication, type Environment, refused } from '../core/auth/types.ts'
import type { Instant } from '../core/state/instant.ts'
import { importKey, type JWK, type Key, signatureHolds } from '../jose/compact.ts'
import type { TokenVerifier } from '../ports.ts'
import { type TokenForm, tokenForm } from './token-form.ts'

/** Page 2: asymmetric ones only. */
const ALGORITHMS: ReadonlySet<unknown> = new Set(['RS256', 'ES256', 'EdDSA'])

/** Where keys come from: a set, or the fact that none can be had. */
export type KeySource = () => Promise<
  { readonly status: 'up'; readonly keys: readonly JWK[] } | { readonly status: 'unreachable' }
>

interface Asked {
  readonly token: string
  readonly form: TokenForm
  readonly at: { readonly now: Instant; readonly environment: Environment }
}

/** Verifies tokens in page 2's order of checks: form, crit, alg, key, signature, claims. */
export class KeySetVerifier implements TokenVerifier {
  private readonly source: KeySource
  private readonly expected: ClaimExpectations
  private readonly imported = new Map<string, Promise<Key>>()

  constructor(source: KeySource, expected: ClaimExpectations) {
    this.source = source
    this.expected = expected
  }

  async verify(token: string, at: Asked['at']): Promise<Authentication> {
    const form = tokenForm(token)
    if (form === null) return refused('token_malformed')
    if (form.header['crit'] !== undefined) return refused('crit_unsupported')
    if (!ALGORITHMS.has(form.header['alg'])) return refused('alg_not_allowed')
    const keySet = await this.source()
    return keySet.status === 'up'
      ? this.verifySigned({ token, form, at }, keySet.keys)
      : this.withoutKeySet({ token, form, at })
  }

  private async verifySigned(
    { token, form, at }: Asked,
    keys: readonly JWK[],
  ): Promise<Authentication> {
    const { alg, kid } = form.header
    const jwk = keys.find((one) => one.kid === kid)
    if (jwk === undefined) return refused('kid_not_found')
    if (jwk.alg !== alg) return refused('key_not_usable')
    if (!(await signatureHolds(token, await this.keyOf(jwk), jwk.alg as string)))
      return refused('signature_invalid')
    const standing = {
      mode: 'verified',
      source: 'jwt',
      warnings: [],
      key_set_stale: false,
    } as const
    return judgeClaims(form.claims, standing, { ...this.expected, now: at.now })
  }

  /** M-02 in dev with headers allowed, M-06 everywhere else. */
  private withoutKeySet({ form, at }: Asked): Authentication {
    if (at.environment !== 'dev+H') return refused('jwks_unreachable')
    const standing = {
      mode: 'decode-only',
      source: 'jwt-unverified',
      warnings: ['auth_not_verified', 'jwks_unreachable'],
      key_set_stale: false,
    } as const
    return judgeClaims(form.claims, standing, { ...this.expected, now: at.now })
  }

  private keyOf(jwk: JWK): Promise<Key> {
    const kid = jwk.kid ?? ''
    const known = this.imported.get(kid)
    if (known !== undefined) return known
    const key = importKey(jwk)
    this.imported.set(kid, key)
    return key
  }
}
