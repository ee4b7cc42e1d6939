import type { AuthenticatorWithScript } from '../../ports/auth.ts'
import type { VectorInput } from '../../core/parity/vector.ts'
import type { RowsByTable } from '../../core/rows/rows.ts'
import type { OpenScratchStore, SideFacts } from '../../ports/store.ts'
import {
  toApprovalCheck,
  type EvaluateQuestion,
  type EvaluatedAnswer,
  type EvaluationQuestion,
} from '../evaluation/answer-question.ts'

/** A question with everything that its answer depends on but the rows. */
export interface PreparedQuestion extends AuthenticatorWithScript {
  readonly question: EvaluationQuestion
  readonly given: Pick<VectorInput, 'approvals' | 'admin'>
}
/** Who answers in a run: a store behind our own door, or a service that takes rows and scenes. */
export interface ParitySide {
  readonly facts: SideFacts
  /** Replaces all rows. @throws FfError where it does not */
  load(state: RowsByTable): Promise<void>
  ask(prepared: PreparedQuestion): Promise<EvaluatedAnswer>
}
export type ParitySides = Readonly<Record<'baseline' | 'candidate', ParitySide>>

/** A store of this process. */
export const createStoreSide = (
  { facts, store }: OpenScratchStore,
  ask: EvaluateQuestion,
): ParitySide => ({
  facts,
  load: (state) => store.load(state),
  ask: ({ question, given, authenticator }) =>
    ask({ store, authenticator, approvals: toApprovalCheck(given) }, question),
})
/** Both stores of this process, with whatever asks them. */
export const createStoreSides = (
  { baseline, candidate }: Readonly<Record<'baseline' | 'candidate', OpenScratchStore>>,
  ask: Readonly<Record<'baseline' | 'candidate', EvaluateQuestion>>,
): ParitySides => ({
  baseline: createStoreSide(baseline, ask.baseline),
  candidate: createStoreSide(candidate, ask.candidate),
})
