import type { AuthenticatorMetrics } from '../../ports/auth.ts'
import type { KeySet } from './key-set.ts'

/** A key set that may verify tokens now. */
export interface HeldKeySet {
  readonly set: KeySet
  /** Grows when the bytes of the fetched set change; a token cached under another generation is verified again. */
  readonly generation: number
  /** Whether the cache time has passed, so that this is the last good set. */
  readonly stale: boolean
  /** Time since the fetch. */
  readonly age_ms: number
}
/** Outcome of the last fetch. */
export type RefreshOutcome = 'ok' | 'unreachable' | 'misconfigured'
/** The key set with the outcome of the last fetch, or why there is none. */
export type KeyAnswer =
  | { readonly status: 'held'; readonly held: HeldKeySet; readonly refreshed: RefreshOutcome }
  | { readonly status: 'unreachable' | 'misconfigured' | 'unconfigured' }

/** Supplies the keys of a verifier. */
export interface KeySource {
  /** The key set, if it is available without waiting; else null. */
  current(): HeldKeySet | null
  /**
   * The key set, refreshed first if it lacks the kid and the cooldown is over.
   *
   * @param kid null for a token without one
   */
  forKid(kid: string | null): Promise<KeyAnswer>
  /** Fetches once more from an endpoint, now or at the end of the cooldown; returns at once. */
  renew?(): void
  /** Counts of the fetches from an endpoint. */
  metrics?(): NonNullable<AuthenticatorMetrics['keys']>
}

/**
 * A source over given keys that never change: always available, with age 0, generation 0, never stale and never
 * fetched.
 */
export function fixedKeySource(set: KeySet): KeySource {
  const held: HeldKeySet = { set, generation: 0, stale: false, age_ms: 0 }
  return {
    current: () => held,
    forKid: () => Promise.resolve({ status: 'held', held, refreshed: 'ok' }),
  }
}

/** The source without an endpoint: every token is refused as `keys_unconfigured`. */
export const NO_KEYS: KeySource = {
  current: () => null,
  forKid: () => Promise.resolve({ status: 'unconfigured' }),
}
