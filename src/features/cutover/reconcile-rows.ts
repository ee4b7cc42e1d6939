import { Bell } from '../../concurrency/bell.ts'
import { closeAfter } from '../../concurrency/open-all.ts'
import { compareHeads } from '../../core/cutover/heads.ts'
import { type CutoverPhase, PHASE_RULES } from '../../core/cutover/phases.ts'
import type {
  CutoverReconciliation,
  ReconciledRow,
  RowReconciliation,
} from '../../core/report/cutover-documents.ts'
import { findStandingRecord } from '../../core/cutover/way-out.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { CarriedOut, NamedOperation } from '../../ports/cutover.ts'
import { openBoth } from '../import-export/open-both.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { type RowDrift, findRowDrift } from './find-drift.ts'
import type { CutoverClock } from './lease-observer.ts'
import { coordinate, type Coordinated, type SidesRequest, withCutoverSides } from './open-sides.ts'
import { type CutoverSides, readHeads, readSides } from './read-sides.ts'
import { reconcileChains } from './reconcile-chains.ts'
import { hasTwoSides, refuseRepair } from './refuse-repair.ts'
import { repairDrift, toReconciled } from './repair-drift.ts'
import { WriteRunner } from './write-runner.ts'

/** Rows that the document lists. */
const MOST_LISTED = 100
/** Between two looks at the head of the second side, in milliseconds. */
const LOOK_MS = 50

export interface DriftRequest extends SidesRequest {
  readonly adapters: Adapters
  readonly clock: CutoverClock
  readonly signal: AbortSignal
  /** Of each wait, in milliseconds. */
  readonly boundMs: number
  readonly leaseMs: number
}

/**
 * `ff cutover reconcile --dry-run`: what either side has alone, and under one chain the rows in which they differ.
 * Changes nothing.
 *
 * @throws FfError `mirror_behind` where the second side does not catch up within the bound, and those of both sides
 */
export const listDrift = (request: DriftRequest): Promise<CutoverReconciliation> =>
  withCutoverSides(request, async (sides) => {
    const found = await reconcileChains(sides)
    if (!hasTwoSides(found)) return found
    const drift = await search(request, sides, found.phase)
    return { ...found, rows: summarize(drift, drift.rows.map(toReconciled)) }
  })

export interface RepairRequest extends DriftRequest {
  /** In the audit records. */
  readonly actor: string
  readonly now: () => Instant
  readonly repaired: (count: number) => void
}

/**
 * `ff cutover reconcile`: as `listDrift`, and sets the rows of the other side to those of the authority, as the one
 * command that moves the cutover. The writer makes the repairs, which is this process where no instance runs.
 *
 * @throws FfError `chains_forked`, `database_left`, `phase_refused` where rows cannot be compared; as `repairDrift`
 */
export const repairRows = (request: RepairRequest): Promise<CutoverReconciliation> =>
  coordinate(request, async (coordinated) => {
    const { sides } = coordinated
    const found = await reconcileChains(sides)
    if (!hasTwoSides(found)) throw refuseRepair(found)
    const submit = createSubmit(request, coordinated)
    const find = (): Promise<RowDrift> => search(request, sides, found.phase)
    const { drift, rows } = await repairDrift({ ...request, find, submit })
    return { ...(await reconcileChains(sides)), rows: summarize(drift, rows) }
  })

/** Compares the rows of both sides as they are now. */
function search(
  { root, folder, database, adapters, environment, clock, signal, boundMs }: DriftRequest,
  sides: CutoverSides,
  phase: CutoverPhase,
): Promise<RowDrift> {
  const catchUp = (): Promise<void> => untilCaughtUp(sides, phase, { clock, signal, boundMs })
  return closeAfter(async (keep) => {
    const needs = { ...(await loadPersistence(root)), environment }
    const specs = [{ kind: 'file', folder }, database] as const
    await catchUp()
    const [file, rows] = await openBoth(keep, specs, { adapters, needs })
    return findRowDrift({ phase, file, database: rows, catchUp })
  })
}

/** Waits until the second side has what the authority has now. @throws FfError `mirror_behind`, `chains_forked` */
async function untilCaughtUp(
  sides: CutoverSides,
  phase: CutoverPhase,
  { clock, signal, boundMs }: Pick<DriftRequest, 'clock' | 'signal' | 'boundMs'>,
): Promise<void> {
  const { authority } = PHASE_RULES[phase]
  const until = clock.now() + boundMs
  let goal: number | null = null
  for (;;) {
    const { fileHead, look, common } = await readHeads(sides, authority)
    const order = compareHeads({ file: fileHead, database: look.head, common })
    if (order === 'forked')
      throw new FfError('chains_forked', 'Both sides go on differently.', {
        hint: 'Run `ff cutover status`.',
      })
    const [first, second] =
      authority === 'file' ? [fileHead.seq, look.head.seq] : [look.head.seq, fileHead.seq]
    goal ??= first
    if (second >= goal) return
    if (clock.now() >= until || signal.aborted) throw behindError(goal - second)
    await clock.rest(LOOK_MS, signal)
  }
}

const behindError = (count: number): FfError =>
  new FfError(
    'mirror_behind',
    `The second side is ${count} changes behind, so that rows cannot be compared.`,
    {
      hint: 'Start an instance on this host, which copies them; `ff cutover status` shows the lag.',
    },
  )

/** By the instance that holds the file's lock, or by this process where none does. */
function createSubmit(
  { adapters, folder, boundMs, leaseMs, failed }: RepairRequest,
  { sides, writer, loop }: Coordinated,
): (operation: NamedOperation) => Promise<CarriedOut> {
  if (writer === null || loop === null)
    return (operation) => adapters.handToWriter(folder, operation, boundMs)
  const { database } = sides
  return async (operation) => {
    const { situation } = await readSides(sides)
    const record = findStandingRecord(situation)
    const { server } = await database.look(0)
    const runner = new WriteRunner({
      database,
      view: () => ({ record, refusal: loop.mayWrite(record) ? null : 'not_writer', server }),
      held: () => ({ writer, loop }),
      changed: new Bell(),
      leaseMs,
      boundMs,
      ended: () => undefined,
      sawDatabase: () => undefined,
      failed: (error) => failed('database', error),
    })
    const carried = await runner.run(operation)
    if (carried !== null) return carried
    throw new Error(`the lock of ${folder} is held here, and the write went elsewhere`)
  }
}

function summarize(drift: RowDrift, rows: readonly ReconciledRow[]): RowReconciliation {
  const count = (outcome: ReconciledRow['outcome']): number =>
    rows.filter((one) => one.outcome === outcome).length
  return {
    compared: drift.compared,
    complete: drift.complete,
    in_flight: drift.inFlight,
    found: count('found'),
    repaired: count('repaired'),
    left: count('left'),
    rows: rows.slice(0, MOST_LISTED),
  }
}
