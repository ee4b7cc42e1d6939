import type { ModeRow } from './modes.ts'

/** What `contracts/jwks_integration_notes.json` says, as far as the way to a verified token goes by it (page 2). */
export interface AuthContract {
  readonly algorithms: {
    readonly default: readonly string[]
    /** What the allow-list may be set to. */
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

/** What is left to whoever runs the service. */
export interface AuthSettings {
  readonly contract: AuthContract
  readonly issuer: string
  readonly audience: string
  readonly leeway_s: number
  /** The allow-list. */
  readonly algorithms: readonly string[]
  readonly dev_scopes: readonly string[]
}
/** Who issues, for whom; the rest as the contract has it. */
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
})

/** What a key server does, for whoever plays one (page 9, "Vectors and credentials"). */
export type KeyServerBehaviour =
  | 'up'
  | 'refused'
  | 'hanging'
  | 'slow'
  | 'error_500'
  | 'not_found'
  | 'redirect_away'
  | 'oversize'
  | 'not_json'
export interface KeyServerStage {
  readonly behaviour: KeyServerBehaviour
  readonly keys: readonly object[]
}
/** What it does when the token comes, and what it did when the set was first asked for. */
export interface KeyServerScript extends KeyServerStage {
  readonly before?: KeyServerStage & { readonly elapsed_s: number }
}
