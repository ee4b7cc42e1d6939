import { CUTOVER_PHASES, type CutoverPhase } from '../../core/cutover/phases.ts'
import { findStandingRecord } from '../../core/cutover/way-out.ts'
import type { CutoverStep } from '../../core/report/cutover-documents.ts'
import { FfError } from '../../errors.ts'
import { coordinate, type Coordinated, type SidesRequest, untilHeld } from './open-sides.ts'
import { readSides } from './read-sides.ts'
import { rollBackCutover, type StepTools } from './take-step.ts'

/**
 * `ff cutover rollback`: as `rollBackCutover`. A way back from `complete` has two turns: the one that fills the folder
 * holds the lock of the file until it ends in `db_authoritative`, and no instance can serve from the file before one
 * of them has that lock.
 *
 * @param toTools what a turn needs, beside the sides that it has opened
 * @throws FfError as `rollBackCutover` and `coordinate`; `step_unsettled`, or a code that is as inconclusive, where the first
 *   turn has moved the cutover and the second one failed
 */
export async function rollBackInTurns(
  request: SidesRequest,
  { to, toTools }: { to: CutoverPhase; toTools: (coordinated: Coordinated) => StepTools },
): Promise<CutoverStep> {
  const first = await coordinate(request, async (coordinated) => {
    const { phase } = findStandingRecord((await readSides(coordinated.sides)).situation)
    const goal = phase === 'complete' && isBeforeMirror(to) ? 'db_authoritative' : to
    return rollBackCutover({ ...toTools(coordinated), to: goal, raisesAttempt: true })
  })
  if (first.phase === to) return first
  try {
    await untilHeld(request)
    const last = await coordinate(request, (coordinated) =>
      rollBackCutover({ ...toTools(coordinated), to, raisesAttempt: false }),
    )
    return { ...last, from: first.from }
  } catch (error) {
    throw error instanceof FfError ? toHalfwayError(first, to, error) : error
  }
}

/** The second turn has failed, of which its error tells alone: the first one has moved the cutover. */
function toHalfwayError(
  { from, phase, epoch, attempt }: CutoverStep,
  to: CutoverPhase,
  error: FfError,
): FfError {
  // A code that says that nothing changed would be wrong.
  const code = error.exitName === 'inconclusive' ? error.code : 'step_unsettled'
  return new FfError(
    code,
    `The way back to ${to} went from ${from} to ${phase}, epoch ${epoch}, attempt ${attempt}, and then failed: ${error.message}`,
    { hint: `${error.hint} Then run \`ff cutover rollback --to ${to}\`.`, cause: error },
  )
}

const isBeforeMirror = (to: CutoverPhase): boolean =>
  CUTOVER_PHASES.indexOf(to) < CUTOVER_PHASES.indexOf('db_authoritative')
