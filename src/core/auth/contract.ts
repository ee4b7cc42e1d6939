import type { ScopeClaim } from './claims.ts'
import type { ModeRow } from './modes.ts'

/** The members of `contracts/jwks_integration_notes.json` that token verification uses. */
export interface AuthContract {
  readonly algorithms: {
    readonly default: readonly string[]
    /** Algorithms that an operator may allow. */
    readonly allowable: readonly string[]
  }
  readonly token: { readonly max_bytes: number }
  readonly claims: {
    readonly required: readonly string[]
    readonly audience: string
    readonly leeway_s: number
    readonly max_leeway_s: number
  }
  readonly keys: { readonly rsa_min_bits: number; readonly rsa_max_bits: number }
  readonly client: {
    readonly timeout_ms: number
    readonly max_bytes: number
    readonly max_redirects: number
    readonly cooldown_s: number
    readonly cache_min_s: number
    readonly cache_max_s: number
    readonly cache_default_s: number
    readonly last_known_good_s: number
    readonly sensitive_max_age_s: number
  }
  readonly token_cache: { readonly max_entries: number; readonly max_age_s: number }
  readonly modes: readonly ModeRow[]
}

/** Settings that the operator chooses. */
export interface AuthSettings {
  readonly contract: AuthContract
  readonly issuer: string
  readonly audience: string
  readonly leeway_s: number
  /** The allowed signature algorithms. */
  readonly algorithms: readonly string[]
  readonly dev_scopes: readonly string[]
  /** The claim that holds the scopes of a token. */
  readonly scope_claim: ScopeClaim
}
/** Settings with issuer, audience and dev scopes as given; leeway, algorithms and the claim of scopes by default. */
export const settingsFromContract = (
  contract: AuthContract,
  { issuer, audience, dev_scopes }: Pick<AuthSettings, 'issuer' | 'audience' | 'dev_scopes'>,
): AuthSettings => ({
  contract,
  issuer,
  audience,
  dev_scopes,
  leeway_s: contract.claims.leeway_s,
  algorithms: contract.algorithms.default,
  scope_claim: 'scope',
})

/** Behaviours that a test key server can play. */
export type KeyServerBehaviour =
  | 'up'
  | 'refused'
  | 'hanging'
  | 'slow'
  | 'error_429'
  | 'error_500'
  | 'not_found'
  | 'redirect_away'
  | 'oversize'
  | 'not_json'
export interface KeyServerStage {
  readonly behaviour: KeyServerBehaviour
  readonly keys: readonly object[]
}
/** The behaviour when the token arrives, and optionally the one when the key set was first loaded. */
export interface KeyServerScript extends KeyServerStage {
  readonly before?: KeyServerStage & { readonly elapsed_s: number }
}
