import { type CutoverPhase, PHASE_RULES, stepTowards } from '../../core/cutover/phases.ts'

/** One step of a way back. */
export interface RollbackStep {
  readonly to: CutoverPhase
  readonly command: string
  readonly what: string
}

type LaterPhase = Exclude<CutoverPhase, 'file'>
const LEAVES: Readonly<Record<LaterPhase, string>> = {
  dual_write: 'a write is acknowledged by the file alone; the database is kept and falls behind',
  shadow_read: 'decisions are compared no more; each write still goes to both sides',
  db_authoritative:
    'writes wait while the authority goes back to the file, which has every acknowledged write',
  complete: 'the folder is filled from the database, and follows it, before anything else',
}

/** The steps from one phase back to an earlier one, in order; `ff cutover rollback` takes all of them by itself. */
export function listRollbackSteps(from: CutoverPhase, to: CutoverPhase): readonly RollbackStep[] {
  const steps: RollbackStep[] = []
  for (let phase = from; phase !== to && PHASE_RULES[phase].back !== null;) {
    const next = stepTowards(phase, to)
    steps.push({
      to: next,
      command: `ff cutover rollback --to ${next}`,
      what: LEAVES[phase as LaterPhase],
    })
    phase = next
  }
  return steps
}
