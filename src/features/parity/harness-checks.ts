import type { JsonComparer } from '../../core/parity/compare.ts'
import { EQUAL, findComparerFaults, UNEQUAL } from '../../core/parity/comparer-controls.ts'
import type { FieldRule } from '../../core/parity/field-rules.ts'
import { findUnseenFields, type LeafPair } from '../../core/parity/leaf-pairs.ts'
import type { HarnessCheck } from '../../core/parity/pass-rule.ts'

/** The rules of a run, and a pair of envelopes for each leaf of a decision. */
export interface JudgingRules {
  readonly rules: readonly FieldRule[]
  readonly leaves: readonly LeafPair[]
}

/**
 * Checks the comparer, and the judge with the rules of the run, on pairs with a known answer. Returns the checks
 * `comparer` and `fields`, each with its faults, none where it holds, and its number of pairs. Asks no side.
 */
export const checkJudging = (
  { rules, leaves }: JudgingRules,
  compare: JsonComparer,
): readonly HarnessCheck[] => [
  {
    id: 'comparer',
    faults: findComparerFaults(compare),
    pairs: UNEQUAL.length + EQUAL.length,
  },
  { id: 'fields', faults: findUnseenFields(leaves, { rules, compare }), pairs: leaves.length },
]
