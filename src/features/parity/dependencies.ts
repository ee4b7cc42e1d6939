import { type JsonComparer, compareJson } from '../../core/parity/compare.ts'
import { type EvaluateQuestion, evaluateQuestion } from '../evaluation/answer-question.ts'

/** The evaluation of each side and the comparer of a parity proof. Only the selftest replaces them, by faulty ones. */
export interface ParityDependencies {
  readonly ask: { readonly baseline: EvaluateQuestion; readonly candidate: EvaluateQuestion }
  readonly compare: JsonComparer
}
/** The dependencies of every run but the selftest. */
export const PRODUCTION: ParityDependencies = {
  ask: { baseline: evaluateQuestion, candidate: evaluateQuestion },
  compare: compareJson,
}
