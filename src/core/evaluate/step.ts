import type { CanonicalJson } from '../json/canonical.ts'
import type {
  AllowReason,
  ApprovalAnswer,
  ApprovalQuery,
  ChainEntry,
  DenyReason,
  EvaluationInput,
  FailSafeCause,
  Scope,
  ApprovalTtlState,
} from './types.ts'

/** The approval that Admin was asked for and its TTL state; null where Admin did not answer. */
export interface ApprovalLookup {
  readonly approval_ref: string
  readonly ttl_state: ApprovalTtlState | null
}
/** The value that an allowing rule serves. */
export interface ServedValue {
  readonly scope: Scope
  readonly value: CanonicalJson
  readonly revision: number | null
  readonly reason: AllowReason
}

/** The result of one rule: continue, ask Admin first, or a final decision. */
export type RuleResult =
  | {
      readonly kind: 'go'
      readonly entry: ChainEntry
      readonly consulted: ApprovalLookup | undefined
    }
  | { readonly kind: 'ask'; readonly question: ApprovalQuery }
  | {
      readonly kind: 'deny'
      readonly entry: ChainEntry
      readonly reason: DenyReason
      readonly consulted: ApprovalLookup | undefined
    }
  | { readonly kind: 'allow'; readonly entry: ChainEntry; readonly served: ServedValue }

export type Rule = (facts: EvaluationInput, answer: ApprovalAnswer | undefined) => RuleResult

/** The result of a rule that does not decide: its chain entry and, where Admin was asked, the approval consulted. */
export const continueWith = (entry: ChainEntry, consulted?: ApprovalLookup): RuleResult => ({
  kind: 'go',
  entry,
  consulted,
})

/**
 * The result of a rule that denies: its chain entry, the reason and, where Admin was asked, the approval consulted.
 */
export const denyWith = (
  entry: ChainEntry,
  reason: DenyReason,
  consulted?: ApprovalLookup,
): RuleResult => ({ kind: 'deny', entry, reason, consulted })

/** Builds the result of a rule that allows, which ends the evaluation: its chain entry and the value served. */
export const allowWith = (entry: ChainEntry, served: ServedValue): RuleResult => ({
  kind: 'allow',
  entry,
  served,
})

/**
 * The result of rule 8, deny rather than guess: a deny with reason `fail_safe` and the cause.
 *
 * @param at number of the rule that could not decide
 */
export const failSafeAt = (at: number, cause: FailSafeCause): RuleResult =>
  denyWith({ prec: 8, rule: 'fail_safe', outcome: 'engaged', cause, at }, 'fail_safe')
