import type { Claims } from '../core/auth/claims.ts'
import type { KeyServerScript, KeyServerStage } from '../core/auth/contract.ts'
import type { CallerRules } from '../core/auth/authenticate.ts'
import type { Condition } from '../core/auth/modes.ts'
import type { AuthResult, Credential, Environment } from '../core/auth/types.ts'
import type { AuthMode } from '../core/evaluate/types.ts'
import type { Instant } from '../core/rows/instant.ts'

/** Verifies bearer tokens (docs/reference/auth.md). A token that does not verify is a refusal, never an exception. */
export interface TokenVerifier {
  verify(token: string, at: VerificationTime): Promise<AuthResult>
  /** As `verify`, with the conditions that led to the result. */
  explain(token: string, at: VerificationTime): Promise<ExplainedToken>
  /** Checks form, header, key and signature alone, not the payload: `verified`, or the first check that failed. */
  signature(token: string): Promise<Condition>
  /** When `verify` begins to refuse a token that it accepts, in milliseconds since the epoch; null for any other. */
  expiry(token: string): Promise<number | null>
}

/** The time and the environment that claims and mode are judged by. */
export interface VerificationTime {
  readonly now: Instant
  readonly environment: Environment
}

/** The result for one token, with its reasons. */
export interface ExplainedToken {
  readonly authentication: AuthResult
  /** Conditions looked up in the mode matrix; several where each adds a warning. */
  readonly conditions: readonly Condition[]
  /** The decoded claims, not necessarily verified; null where the token has no readable claims. */
  readonly claims: Claims | null
}

/** Source of an authenticator's keys: a JWKS endpoint, given keys, or none (null). */
export type KeySourceSpec =
  | { readonly url: URL }
  | { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  | null

/** The key set of an endpoint, as fetched. */
export interface ServedKeys {
  readonly keys: readonly ServedKey[]
  /** The response headers that govern caching, escaped for a terminal. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** How long the client keeps the set, in seconds. */
  readonly cache_s: number
}

/** One key of a served set, judged; its texts are escaped for a terminal. */
export interface ServedKey {
  readonly kid: string | null
  /** Type, curve or size, algorithm and use, as the key declares them. */
  readonly words: readonly string[]
  /** Code of the reason why no token verifies with it; null for a usable key. */
  readonly fault: string | null
}

/** A fetched key set, or why the fetch failed: `unreachable` may pass by itself, `misconfigured` does not. */
export type KeysFetched =
  | { readonly ok: true; readonly served: ServedKeys }
  | { readonly ok: false; readonly kind: 'unreachable' | 'misconfigured'; readonly detail: string }

/** A loopback key server with a new key, and a token signed by that key. */
export interface DevIssuer {
  readonly origin: string
  readonly jwks_url: string
  readonly token: string
  close(): Promise<void>
}

/** Authenticates a request: `rules` for anonymous and dev-header callers, `verifier` for bearer tokens. */
export interface Authenticator {
  readonly rules: CallerRules
  readonly verifier: TokenVerifier
  /** Fetches the key set where there is none yet; `unconfigured` without an endpoint. */
  readonly loadKeys: () => Promise<'held' | 'unreachable' | 'misconfigured' | 'unconfigured'>
  /** Has the key set fetched once more, now or at the end of the cooldown; nothing without an endpoint. Returns at once. */
  readonly refreshKeys: () => void
  readonly metrics: () => AuthenticatorMetrics
}

/** Counts of an authenticator since it was opened, for the metrics of the service. */
export interface AuthenticatorMetrics {
  /** Null without an endpoint; `age_ms` is null while no key set is loaded. */
  readonly keys: {
    readonly fetches: number
    readonly failures: number
    readonly age_ms: number | null
    /** Keys of the set that can verify a token; null while none is loaded. */
    readonly usable: number | null
  } | null
  readonly tokens: { readonly hits: number; readonly misses: number; readonly entries: number }
  /** Requests accepted with an unverified token (mode `decode-only`). */
  readonly decode_only: number
}

/** An authenticator that owns its key source; `close` ends the background refresh. */
export interface OpenAuthenticator extends Authenticator {
  close(): Promise<void>
}

/** A key server on loopback whose behaviour the test sets. */
export interface KeyServer {
  readonly url: URL
  /** Requests received so far. */
  requests(): number
  /** Changes the behaviour for all requests from now on. */
  setBehaviour(stage: KeyServerStage): Promise<void>
  close(): Promise<void>
}

/** An authenticator over a loopback key server, with a clock that the test moves. */
export interface TestAuthenticator extends OpenAuthenticator {
  readonly server: KeyServer
  /** Moves the clock forward; background fetches that fall due run. */
  advance(seconds: number): Promise<void>
}

/** An authenticator, and the script from which another process can open an equal one. */
export interface AuthenticatorWithScript {
  readonly authenticator: Authenticator
  /** Null for a service without keys. */
  readonly script: KeyServerScript | null
}

/** One signed credential per mode, each with the authenticator that maps it to that mode. */
export type Credentials = Readonly<
  Record<AuthMode, AuthenticatorWithScript & { readonly credential: Credential }>
>
/** Credentials for a service whose key set is as fresh or as stale as a situation wants it. */
export type CredentialsByKeys = Readonly<Record<'fresh' | 'stale', Credentials>>
