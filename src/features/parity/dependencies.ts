import { type JsonComparer, compareJson } from '../../core/parity/compare.ts'
import { type EvaluateQuestion, evaluateQuestion } from '../evaluation/answer-question.ts'

/** What a proof works with. The selftest puts faults in their place; nothing else may (page 4). */
export interface ParityDependencies {
  readonly ask: { readonly baseline: EvaluateQuestion; readonly candidate: EvaluateQuestion }
  readonly compare: JsonComparer
}
export const PRODUCTION: ParityDependencies = {
  ask: { baseline: evaluateQuestion, candidate: evaluateQuestion },
  compare: compareJson,
}
