import type { CanonicalJson } from '../json/canonical.ts'
import type {
  AllowReason,
  ApprovalAnswer,
  ApprovalQuery,
  ChainEntry,
  DenyReason,
  Facts,
  FailSafeCause,
  Scope,
  TtlState,
} from './types.ts'

/** What Admin was asked and what it said; null where it gave no answer. */
export interface Consulted {
  readonly approval_ref: string
  readonly ttl_state: TtlState | null
}
/** What an allowing rule serves. */
export interface ServedValue {
  readonly scope: Scope
  readonly value: CanonicalJson
  readonly revision: number | null
  readonly reason: AllowReason
}

/** What one rule says: go on, ask Admin first, or an end. */
export type Step =
  | { readonly kind: 'go'; readonly entry: ChainEntry; readonly consulted?: Consulted }
  | { readonly kind: 'ask'; readonly question: ApprovalQuery }
  | {
      readonly kind: 'deny'
      readonly entry: ChainEntry
      readonly reason: DenyReason
      readonly consulted?: Consulted
    }
  | { readonly kind: 'allow'; readonly entry: ChainEntry; readonly served: ServedValue }

export type Rule = (facts: Facts, answer: ApprovalAnswer | undefined) => Step

export const go = (entry: ChainEntry, consulted?: Consulted): Step =>
  consulted === undefined ? { kind: 'go', entry } : { kind: 'go', entry, consulted }

export const deny = (entry: ChainEntry, reason: DenyReason, consulted?: Consulted): Step =>
  consulted === undefined
    ? { kind: 'deny', entry, reason }
    : { kind: 'deny', entry, reason, consulted }

export const allow = (entry: ChainEntry, served: ServedValue): Step => ({
  kind: 'allow',
  entry,
  served,
})

/** Rule 8: nothing is guessed. @param at the rule that could not go on */
export const failSafe = (at: number, cause: FailSafeCause): Step =>
  deny({ prec: 8, rule: 'fail_safe', outcome: 'engaged', cause, at }, 'fail_safe')
