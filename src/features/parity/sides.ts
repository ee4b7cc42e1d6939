import type { AuthenticatorWithScript } from '../../ports/auth.ts'
import type { VectorInput } from '../../core/parity/vector.ts'
import type { RowsByTable } from '../../core/rows/rows.ts'
import type { OpenScratchStore, SideFacts } from '../../ports/store.ts'
import { approvalsOf, type Ask, type Asked, type Question } from '../evaluation/answer-question.ts'

/** A question with everything that its answer depends on but the rows. */
export interface Posed extends AuthenticatorWithScript {
  readonly question: Question
  readonly given: Pick<VectorInput, 'approvals' | 'admin'>
}
/** Who answers in a run: a store behind our own door, or a service that takes rows and scenes. */
export interface Respondent {
  readonly facts: SideFacts
  /** Replaces all rows. @throws FfError where it does not */
  load(state: RowsByTable): Promise<void>
  ask(posed: Posed): Promise<Asked>
}
export type Respondents = Readonly<Record<'baseline' | 'candidate', Respondent>>

/** A store of this process. */
export const answeringBy = ({ facts, store }: OpenScratchStore, ask: Ask): Respondent => ({
  facts,
  load: (state) => store.load(state),
  ask: ({ question, given, door }) => ask({ store, door, approvals: approvalsOf(given) }, question),
})
/** Both stores of this process, with whatever asks them. */
export const bothAnsweringBy = (
  { baseline, candidate }: Readonly<Record<'baseline' | 'candidate', OpenScratchStore>>,
  ask: Readonly<Record<'baseline' | 'candidate', Ask>>,
): Respondents => ({
  baseline: answeringBy(baseline, ask.baseline),
  candidate: answeringBy(candidate, ask.candidate),
})
