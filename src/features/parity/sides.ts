import type { AuthenticatorWithScript } from '../../ports/auth.ts'
import type { VectorInput } from '../../core/parity/vector.ts'
import type { RowsByTable } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { OpenScratchStore, SideFacts } from '../../ports/store.ts'
import {
  toApprovalCheck,
  type EvaluateQuestion,
  type EvaluatedAnswer,
  type EvaluationQuestion,
} from '../evaluation/answer-question.ts'

/** A question with every input of its answer except the rows. */
export interface PreparedQuestion extends AuthenticatorWithScript {
  readonly question: EvaluationQuestion
  readonly given: Pick<VectorInput, 'approvals' | 'admin'>
}
/** One side of a proof: a store with an authenticator of this process, or a harness service. */
export interface ParitySide {
  readonly facts: SideFacts
  /** Replaces all rows. @throws FfError if the side refuses them or is unavailable */
  load(state: RowsByTable): Promise<void>
  ask(prepared: PreparedQuestion): Promise<EvaluatedAnswer>
}
/** A request of a proof that compares two kinds of store. */
export interface UnlikeSides {
  /** Whether both sides may be files, or both databases. Such a proof says nothing about a database. */
  readonly allowSameKind: boolean
}
/**
 * Refuses two file stores or two databases, by what answers (a harness states the kind of its store), unless
 * `allowSameKind`.
 *
 * @throws FfError `sides_alike`
 */
export function requireUnlikeSides(
  {
    baseline,
    candidate,
  }: Readonly<Record<'baseline' | 'candidate', { readonly facts: SideFacts }>>,
  { allowSameKind }: UnlikeSides,
): void {
  const { backing } = baseline.facts
  if (allowSameKind || backing !== candidate.facts.backing) return
  const what = backing === 'file' ? 'file stores' : 'databases'
  throw new FfError(
    'sides_alike',
    `Both sides are ${what} (${baseline.facts.target} and ${candidate.facts.target}), which proves nothing about moving from a file to a database.`,
    {
      hint:
        backing === 'file'
          ? 'Run it with --candidate embedded, or with --allow-same-kind to compare two file stores.'
          : 'Run it with --baseline file, or with --allow-same-kind to compare two databases.',
    },
  )
}
export type ParitySides = Readonly<Record<'baseline' | 'candidate', ParitySide>>

/**
 * A side from a store that this process opened: `load` replaces its rows, and `ask` evaluates with the authenticator
 * of the question and a fake Admin. It does not close the store.
 */
export const createStoreSide = (
  { facts, store }: OpenScratchStore,
  ask: EvaluateQuestion,
): ParitySide => ({
  facts,
  load: (state) => store.load(state),
  ask: ({ question, given, authenticator }) =>
    ask({ store, authenticator, approvals: toApprovalCheck(given) }, question),
})
/**
 * Builds both sides of a run from open scratch stores: each replaces the rows of its store on `load` and answers
 * with its own `ask`. Closes no store.
 *
 * @param ask the evaluation of each side
 */
export const createStoreSides = (
  { baseline, candidate }: Readonly<Record<'baseline' | 'candidate', OpenScratchStore>>,
  ask: Readonly<Record<'baseline' | 'candidate', EvaluateQuestion>>,
): ParitySides => ({
  baseline: createStoreSide(baseline, ask.baseline),
  candidate: createStoreSide(candidate, ask.candidate),
})
