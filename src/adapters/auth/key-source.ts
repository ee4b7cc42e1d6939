import type { AuthenticatorMetrics } from '../../ports/auth.ts'
import type { KeySet } from './key-set.ts'

/** A set that tokens may be held to now. */
export interface HeldKeySet {
  readonly set: KeySet
  /** Grows with each document of other bytes; what was verified under another generation is verified again. */
  readonly generation: number
  /** Past its cache time: the last that was good. */
  readonly stale: boolean
  readonly age_ms: number
}
export type RefreshOutcome = 'ok' | 'unreachable' | 'misconfigured'
export type KeyAnswer =
  | { readonly status: 'held'; readonly held: HeldKeySet; readonly refreshed: RefreshOutcome }
  | { readonly status: 'unreachable' | 'misconfigured' | 'unconfigured' }

/** Where a verifier has its keys from. */
export interface KeySource {
  /** The set, where it can be had at once; null where somebody has to wait. */
  current(): HeldKeySet | null
  /** The set, refreshed first if it lacks the kid and a refresh is due. @param kid null where the token names none */
  forKid(kid: string | null): Promise<KeyAnswer>
  /** Of an endpoint: what was fetched from it. */
  metrics?(): NonNullable<AuthenticatorMetrics['keys']>
}

/** Keys that were given, and never change. */
export function fixedKeySource(set: KeySet): KeySource {
  const held: HeldKeySet = { set, generation: 0, stale: false, age_ms: 0 }
  return {
    current: () => held,
    forKid: () => Promise.resolve({ status: 'held', held, refreshed: 'ok' }),
  }
}

/** No endpoint is set: no token is ever accepted (page 2). */
export const NO_KEYS: KeySource = {
  current: () => null,
  forKid: () => Promise.resolve({ status: 'unconfigured' }),
}
