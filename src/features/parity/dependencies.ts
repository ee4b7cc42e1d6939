import { type JsonComparer, compareJson } from '../../core/parity/compare.ts'
import { type Ask, ask } from '../evaluation/answer-question.ts'

/** What a proof works with. The selftest puts faults in their place; nothing else may (page 4). */
export interface Workings {
  readonly ask: { readonly baseline: Ask; readonly candidate: Ask }
  readonly compare: JsonComparer
}
export const HONEST: Workings = { ask: { baseline: ask, candidate: ask }, compare: compareJson }
