import { CUTOVER_PHASES, type CutoverPhase } from '../../core/cutover/phases.ts'
import { findStandingRecord, findWayOut } from '../../core/cutover/way-out.ts'
import type { CutoverPlanDocument } from '../../core/report/cutover-documents.ts'
import { type CutoverSides, readSides, type SidesReading } from './read-sides.ts'
import { listRollbackSteps } from './rollback-steps.ts'

const ENTERS: Readonly<Record<Exclude<CutoverPhase, 'file'>, string>> = {
  dual_write:
    'copies rows and audit records into an empty database, then acknowledges each write only when both sides have it',
  shadow_read: 'evaluates decisions on both sides, off the path of the caller, and compares them',
  db_authoritative:
    'needs a GO of the gate and two live instances on the host of the file; writes wait for the switch, then the database decides and the file mirrors it',
  complete: 'stops the mirror: from then on a rollback fills the folder first',
}

/** `ff cutover plan`: what each step will do, by the records as they are. @throws FfError of the file's side */
export async function planCutover(sides: CutoverSides): Promise<CutoverPlanDocument> {
  const reading = await readSides(sides)
  const { phase } = findStandingRecord(reading.situation)
  const later = CUTOVER_PHASES.slice(CUTOVER_PHASES.indexOf(phase) + 1)
  const steps = later.map((to) => ({
    to,
    command: 'ff cutover advance',
    what: to === 'dual_write' ? describeFill(reading) : ENTERS[to as keyof typeof ENTERS],
  }))
  return { phase, steps, next: findWayOut(reading.situation) }
}

/** What the first step does with the database that is there. */
function describeFill({ database, fileHead }: SidesReading): string {
  if (database === null) return ENTERS.dual_write
  if (database.head.seq === 0 || database.record === null)
    return `${ENTERS.dual_write} (${fileHead.seq} records to copy)`
  return `goes on from record ${database.head.seq} of the file's chain; then a write is acknowledged only when both sides have it`
}

/** `ff cutover rollback --plan`: the steps back to a phase. @throws FfError of the file's side */
export async function planRollback(
  sides: CutoverSides,
  goal: CutoverPhase,
): Promise<CutoverPlanDocument> {
  const { situation } = await readSides(sides)
  const { phase } = findStandingRecord(situation)
  return { phase, steps: listRollbackSteps(phase, goal), next: findWayOut(situation) }
}
