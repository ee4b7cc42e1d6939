import { DRILL_RETURN, MOST_DRILL_MS } from '../../core/cutover/drill.ts'
import { findStandingRecord } from '../../core/cutover/way-out.ts'
import type { CutoverStep, StagingDrill } from '../../core/report/cutover-documents.ts'
import { FfError } from '../../errors.ts'
import type { RegisteredInstance } from '../../ports/cutover.ts'
import { coordinate, type SidesRequest, withCutoverSides } from './open-sides.ts'
import { refuseDrill, type StepPlan } from './refuse-step.ts'
import {
  type Ready,
  readReady,
  requireInstances,
  requireOwnLease,
  runStep,
  type StepTools,
} from './take-step.ts'

/** What a drill has at hand. Each of its steps opens both sides and moves the cutover alone, and lets go of it then. */
export interface DrillTools extends Omit<StepTools, 'sides' | 'writer'> {
  /** Names FF_ENV too. */
  readonly request: SidesRequest
}
export interface DrillStart {
  /** When the writer goes back by itself, in seconds from now; at most 900. */
  readonly seconds: number
  /** Names staging; null where there is no team folder, as for a scratch copy. */
  readonly gate: StepPlan | null
}

/**
 * Gives the authority to the database from `shadow_read` on, decided together with its end: on staging, or on a scratch
 * copy. When this process has died, the writer goes back by itself. A step that fails or is ended by a signal has gone back
 * where it could.
 *
 * @throws FfError `phase_refused` elsewhere, in another phase, or where an instance is missing; `cutover_locked`; as
 *   `advanceCutover`
 */
export const beginDrill = (
  tools: DrillTools,
  { seconds, gate }: DrillStart,
): Promise<CutoverStep> =>
  coordinate(tools.request, async (coordinated) => {
    const step = { ...tools, ...coordinated }
    const { ready } = await requireDrill(step, gate)
    const { attempt } = findStandingRecord(ready.reading.situation)
    // The record keeps whole milliseconds.
    const drillEndsAt = ready.look.now + Math.ceil(Math.min(seconds * 1_000, MOST_DRILL_MS))
    const command = { goal: 'db_authoritative', gatedAttempt: attempt, drillEndsAt } as const
    try {
      return await runStep(step, { ...ready, command })
    } catch (error) {
      // It may have been decided, and only not been taken on by every instance.
      const second = await goBack(step).then(
        () => null,
        (failure: unknown) => failure,
      )
      throw second === null ? error : addFailure(error, second)
    }
  })

/** Where a drill may begin. */
interface DrillPlace {
  /** The instances that live, on every host. */
  readonly live: readonly RegisteredInstance[]
  readonly ready: Ready
}
async function requireDrill(
  step: StepTools & Pick<DrillTools, 'request'>,
  gate: StepPlan | null,
): Promise<DrillPlace> {
  const ready = await readReady(step.sides)
  const { environment } = step.request
  const record = findStandingRecord(ready.reading.situation)
  const refusal = refuseDrill({ environment, database: ready.look.identity, record }, gate)
  if (refusal !== null) throw refusal
  await requireOwnLease(step)
  const live = await requireInstances(step, { ready, wanted: null, oneWriter: false })
  return { live, ready }
}

/** Whether a drill could begin now: changes nothing, and holds no lock. @throws FfError as `beginDrill` */
export const checkDrill = (tools: DrillTools, gate: StepPlan | null): Promise<DrillPlace> =>
  withCutoverSides(tools.request, (sides) => requireDrill({ ...tools, sides, writer: null }, gate))

/** The first error, with what the way back met after it. */
function addFailure(first: unknown, second: unknown): unknown {
  if (!(first instanceof FfError)) return first
  const what = second instanceof Error ? second.message : String(second)
  return new FfError(first.code, `${first.message} The way back failed too: ${what}`, {
    hint: second instanceof FfError ? second.hint : first.hint,
    cause: first,
  })
}

/** Between two tries to move the cutover, in milliseconds. */
const RETRY_MS = 200

/**
 * Takes the way back of a drill at once; where the writer has gone back already, nothing. A signal does not end it. Where
 * another command moves the cutover, it waits for that one for the bound of a step.
 *
 * @throws FfError `cutover_locked` after the bound; as `rollBackCutover`
 */
export async function endDrill(tools: DrillTools): Promise<CutoverStep> {
  const { clock, limits, request } = tools
  const until = clock.now() + limits.boundMs
  for (;;) {
    try {
      return await coordinate(request, (coordinated) => goBack({ ...tools, ...coordinated }))
    } catch (error) {
      const isLocked = error instanceof FfError && error.code === 'cutover_locked'
      if (!isLocked || clock.now() >= until) throw error
    }
    await clock.rest(RETRY_MS, new AbortController().signal)
  }
}

async function goBack(tools: StepTools): Promise<CutoverStep> {
  const { signal } = new AbortController()
  const ready = await readReady(tools.sides)
  return runStep({ ...tools, signal }, { ...ready, command: DRILL_RETURN })
}

/**
 * A step that this command has taken itself, from one phase to another.
 *
 * @throws FfError `proof_inconclusive` where the writer, or another command, went back first, so that there was nothing to
 *   time
 */
export function requireTaken(step: CutoverStep): CutoverStep {
  if (step.from !== step.phase && step.paused_ms !== null) return step
  throw new FfError(
    'proof_inconclusive',
    `The drill was over before its way back began: the writer, or another command, went back to ${step.phase}, so nothing was timed.`,
    {
      hint: 'Run it again while no other command moves the cutover; a drill of few --seconds ends too early.',
    },
  )
}

/**
 * Goes forth and back, and the same again after that way back. After a signal it goes back first.
 *
 * @throws FfError `step_backed_out` after a signal; `proof_inconclusive` as `requireTaken`; as `beginDrill` and `endDrill`
 */
export async function drillTwice(tools: DrillTools, start: DrillStart): Promise<StagingDrill> {
  const steps: TimedStep[] = []
  const take = async (way: () => Promise<CutoverStep>): Promise<StagingDrill['next']> => {
    const since = tools.clock.now()
    const { from, phase, epoch, attempt, paused_ms, next } = requireTaken(await way())
    const seconds = (tools.clock.now() - since) / 1_000
    steps.push({ from, phase, epoch, attempt, seconds, paused_ms })
    return next
  }
  const goForthAndBack = async (): Promise<StagingDrill['next']> => {
    await take(() => beginDrill(tools, start))
    const next = await take(() => endDrill(tools))
    if (!tools.signal.aborted) return next
    throw new FfError('step_backed_out', 'The drill was ended by a signal, and has gone back.', {
      hint: 'Run `ff cutover drill --staging` again.',
    })
  }
  await goForthAndBack()
  return { next: await goForthAndBack(), steps }
}
type TimedStep = StagingDrill['steps'][number]
