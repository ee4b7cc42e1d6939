import type { Claims } from '../core/auth/claims.ts'
import type { KeyServerScript, KeyServerStage } from '../core/auth/contract.ts'
import type { CallerRules } from '../core/auth/authenticate.ts'
import type { Condition } from '../core/auth/modes.ts'
import type { AuthResult, Credential, Environment } from '../core/auth/types.ts'
import type { AuthMode } from '../core/evaluate/types.ts'
import type { Instant } from '../core/rows/instant.ts'

/** Verifies one token (page 2). A token it cannot vouch for is a refusal, never an exception. */
export interface TokenVerifier {
  verify(token: string, at: VerificationTime): Promise<AuthResult>
  /** The same, with the ground. */
  explain(token: string, at: VerificationTime): Promise<ExplainedToken>
  /** The checks up to the signature, whatever the payload is: `verified`, or the first that does not hold. */
  signature(token: string): Promise<Condition>
}

export interface VerificationTime {
  readonly now: Instant
  readonly environment: Environment
}

export interface ExplainedToken {
  readonly authentication: AuthResult
  /** Rows of the mode matrix; several where each adds a warning. */
  readonly conditions: readonly Condition[]
  /** Null where the checks ended before them. Nothing here says that they are true. */
  readonly claims: Claims | null
}

/** Where a door has its keys from: an endpoint, a set that was given, or nowhere. */
export type KeySourceSpec =
  { readonly url: URL } | { readonly keys: readonly Readonly<Record<string, unknown>>[] } | null

/** What a key server served. */
export interface ServedKeys {
  readonly keys: readonly ServedKey[]
  /** Only those that say how long an answer may be kept. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly cache_s: number
}

export interface ServedKey {
  readonly kid: string | null
  /** Type, curve or size, algorithm and use, as the key says. */
  readonly words: readonly string[]
  /** Why it verifies nothing; null where it does. */
  readonly fault: string | null
}

export type KeysFetched =
  | { readonly ok: true; readonly served: ServedKeys }
  | { readonly ok: false; readonly kind: 'unreachable' | 'misconfigured'; readonly detail: string }

/** A key of this moment's making, its key server on loopback, and a token that it signed. */
export interface DevIssuer {
  readonly origin: string
  readonly jwks_url: string
  readonly token: string
  close(): Promise<void>
}

/** What a caller meets first: the rules for those without a token, and the verifier for those with one. */
export interface Authenticator {
  readonly rules: CallerRules
  readonly verifier: TokenVerifier
  readonly metrics: () => AuthenticatorMetrics
}

/** What a door counted since it was made (page 2): for whoever serves it, to show. */
export interface AuthenticatorMetrics {
  /** Null where there is no endpoint to fetch from; the age is null while there is no set. */
  readonly keys: {
    readonly fetches: number
    readonly failures: number
    readonly age_ms: number | null
  } | null
  readonly tokens: { readonly hits: number; readonly misses: number; readonly entries: number }
  /** Callers who were let in by a token that nobody verified. */
  readonly decode_only: number
}

/** A door of the harness's own, with a key server behind it. */
export interface OpenAuthenticator extends Authenticator {
  close(): Promise<void>
}

/** A key server on this machine, which does as its holder says. */
export interface KeyServer {
  readonly url: URL
  /** How many requests it has met. */
  requests(): number
  /** From now on. */
  setBehaviour(stage: KeyServerStage): Promise<void>
  close(): Promise<void>
}

/** A door with such a server behind it, in a time that its holder makes pass. */
export interface TestAuthenticator extends OpenAuthenticator {
  readonly server: KeyServer
  advance(seconds: number): Promise<void>
}

/** A door of this process, and by what another process makes the same. */
export interface AuthenticatorWithScript {
  readonly authenticator: Authenticator
  /** Null is a service without keys. */
  readonly script: KeyServerScript | null
}

/** A credential of each mode, really signed, and the door that it is for. */
export type Credentials = Readonly<
  Record<AuthMode, AuthenticatorWithScript & { readonly credential: Credential }>
>
