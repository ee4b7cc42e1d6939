import { changesAuthority, CUTOVER_PHASES, type CutoverPhase } from '../../core/cutover/phases.ts'
import type { SwitchCommand, SwitchEffect } from '../../core/cutover/switch.ts'
import {
  findAdvanceGoal,
  findStandingRecord,
  findWayOut,
  type WayOut,
} from '../../core/cutover/way-out.ts'
import type { CutoverStep } from '../../core/report/cutover-documents.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { DatabaseLook, FileWriter, RegisteredInstance } from '../../ports/cutover.ts'
import { fillIfEmpty } from './fill-if-empty.ts'
import { type CutoverClock, LeaseObserver } from './lease-observer.ts'
import { requireSameLease } from './other-lease.ts'
import { type CutoverSides, readSides, type SidesReading } from './read-sides.ts'
import {
  isScratchCopy,
  refuseByGate,
  refuseInDrill,
  refuseMixed,
  type StepGate,
} from './refuse-step.ts'
import { runSwitch, type SwitchLimits, type SwitchOutcome } from './run-switch.ts'

/** What a command that moves the cutover has at hand. */
export interface StepTools {
  readonly sides: CutoverSides
  readonly limits: SwitchLimits
  readonly clock: CutoverClock
  readonly signal: AbortSignal
  readonly observe: (effect: SwitchEffect | { readonly do: 'fill' }) => void
  /** The holder of the file's lock in this process; null where an instance holds it. */
  readonly writer: FileWriter | null
  /** The name of this host, as instances register it. */
  readonly host: string
}
export interface AdvanceRequest extends StepTools {
  /** FF_ENV. */
  readonly environment: string
  /** Whether a single live instance on the file's host is enough for the step into `db_authoritative`. */
  readonly oneWriter: boolean
  /** Judges the gate of the team folder; null where there is none. */
  readonly judge: () => Promise<StepGate | null>
}

/**
 * `ff cutover advance`: one step, or the rest of one that was left; the step into `db_authoritative` only with a GO of
 * the gate, two live instances on the file's host, and a database that has caught up.
 *
 * @throws FfError `phase_refused`, `step_backed_out`, `step_unsettled`, `chains_forked`, `database_left`; that of a side
 *   that cannot be read
 */
export async function advanceCutover(request: AdvanceRequest): Promise<CutoverStep> {
  const { reading, look } = await readReady(request.sides)
  const { situation } = reading
  const record = findStandingRecord(situation)
  const goal = findAdvanceGoal(situation)
  const drill = refuseInDrill(record)
  if (drill !== null) throw drill
  if (goal === null)
    throw new FfError('phase_refused', 'The cutover is complete: there is no further phase.', {
      hint: 'Run `ff cutover rollback --to db_authoritative` to go back, which fills the folder first.',
    })
  await requireOwnLease(request)
  const isSwitch = changesAuthority(record.phase, goal)
  if (isSwitch) await requireGo(request, { reading, look })
  const filled = record.phase === 'file' && goal === 'dual_write' ? await fill(request, look) : null
  return runStep(request, {
    reading,
    look,
    command: { goal, gatedAttempt: isSwitch ? record.attempt : null },
    filled,
    oneWriter: request.oneWriter,
  })
}

/**
 * Goes back to an earlier phase, one phase after the other.
 *
 * @param request `raisesAttempt`: false for the rest of a way back that has raised it
 * @throws FfError as `advanceCutover`
 */
export async function rollBackCutover(
  request: StepTools & { readonly to: CutoverPhase; readonly raisesAttempt: boolean },
): Promise<CutoverStep> {
  const { reading, look } = await readReady(request.sides)
  const { phase } = findStandingRecord(reading.situation)
  const { to, raisesAttempt } = request
  if (CUTOVER_PHASES.indexOf(to) > CUTOVER_PHASES.indexOf(phase))
    throw new FfError('phase_refused', `The cutover is in ${phase}, which is before ${to}.`, {
      hint: 'Run `ff cutover advance` for the next phase.',
    })
  return runStep(request, { reading, look, command: { goal: to, raisesAttempt } })
}

/** A way back needs no such thing: it waits for the longest lease. @throws FfError `phase_refused` */
export const requireOwnLease = ({ sides, limits, clock, signal }: StepTools): Promise<void> =>
  requireSameLease(sides, { leaseMs: limits.leaseMs, clock, signal })

/** Both sides before a step. */
export interface Ready {
  readonly reading: SidesReading
  readonly look: DatabaseLook
}

/** Both sides, where a step may begin or be finished. @throws FfError where another command leads out */
export async function readReady(sides: CutoverSides): Promise<Ready> {
  const reading = await readSides(sides)
  const { database: look, fault, situation } = reading
  const { standing, command } = findWayOut(situation)
  if (look === null) throw toUnreachable(fault, command)
  const refusal = REFUSED[standing]
  if (refusal !== undefined)
    throw new FfError(refusal[0], refusal[1], { hint: `Run \`${command}\`.` })
  return { reading, look }
}

const REFUSED: Readonly<
  Partial<
    Record<
      WayOut['standing'],
      readonly [code: 'chains_forked' | 'database_left' | 'phase_refused', message: string]
    >
  >
> = {
  chains_forked: [
    'chains_forked',
    'The chains of the file and the database go on differently, so neither can be filled up from the other.',
  ],
  database_left: [
    'database_left',
    'This database was left by --db-lost, and is never joined again: the way on is an empty schema.',
  ],
  other_database: [
    'phase_refused',
    'FF_DATABASE_URL leads to another database than the one of this cutover.',
  ],
}

/** The database's own error, with the command that does without it. */
const toUnreachable = (fault: FfError | null, command: string): FfError =>
  new FfError(
    fault?.code ?? 'target_unreachable',
    fault?.message ?? 'The database does not answer.',
    { hint: `${fault?.hint ?? ''} Without it: \`${command}\`.`.trim(), cause: fault },
  )

async function fill({ sides, observe }: StepTools, look: DatabaseLook): Promise<number | null> {
  observe({ do: 'fill' })
  return fillIfEmpty(sides, look)
}

/** @throws FfError `phase_refused` */
async function requireGo(request: AdvanceRequest, ready: Ready): Promise<void> {
  const record = findStandingRecord(ready.reading.situation)
  const place = { environment: request.environment, database: ready.look.identity, record }
  const gate = await request.judge()
  const verdict = refuseByGate(place, gate)
  if (verdict !== null) throw verdict
  const wanted = isScratchCopy(place, gate) ? null : gate
  await requireInstances(request, { ready, wanted, oneWriter: request.oneWriter })
}

/**
 * What the step into `db_authoritative` needs beside the right to take it: a database that has caught up, instances that
 * are alike, the folder of those on this host, and two of them.
 *
 * @param needs.wanted what the instances have to be; null where they need only be alike
 * @returns the instances that live, on every host
 * @throws FfError `phase_refused`
 */
export async function requireInstances(
  tools: StepTools,
  needs: { readonly ready: Ready; readonly wanted: StepGate | null; readonly oneWriter: boolean },
): Promise<readonly RegisteredInstance[]> {
  const { reading, look } = needs.ready
  refuseLag(reading, look)
  const found = await listLive(tools, reading)
  const refusal =
    refuseMixed(found.live, needs.wanted) ??
    refuseCopy(found, tools) ??
    (needs.oneWriter ? null : refuseFew(found.live, tools))
  if (refusal !== null) throw refusal
  return found.live
}

/** Changes that the database may lack while the step begins: the writer copies them before the switch lock is asked for. */
const MOST_BEHIND = 1_000
function refuseLag({ fileHead }: SidesReading, { head }: DatabaseLook): void {
  const behind = fileHead.seq - head.seq
  if (behind <= MOST_BEHIND) return
  throw new FfError('phase_refused', `The database is ${behind} changes behind the file.`, {
    hint: 'Wait until `ff cutover status` says that it has caught up, then run `ff cutover advance`.',
  })
}

/**
 * A copy of the folder has the record of the folder, and no instance writes to it: what it holds then says nothing of the file.
 * Of the instances of this host one at least renews in the file's folder.
 */
function refuseCopy(
  { live, renewing }: LiveInstances,
  { host }: Pick<StepTools, 'host'>,
): FfError | null {
  const here = live.filter(({ facts }) => facts.host === host)
  const [other] = here
  if (other === undefined || here.some(({ id }) => renewing.has(id))) return null
  return new FfError(
    'phase_refused',
    `The instance ${quoteValue(other.id)} lives on this host, and no instance renews in this folder: this is a copy of the folder that they have.`,
    {
      hint: 'Set FF_STORE_DIR to the folder of the instances; `ff config show --origin` says what it is here.',
    },
  )
}

/** Two instances must live on the file's host: one of them stands by for the mirror. */
const LEAST_INSTANCES = 2
function refuseFew(
  live: readonly RegisteredInstance[],
  { host }: Pick<StepTools, 'host'>,
): FfError | null {
  const { length } = live.filter(({ facts }) => facts.host === host)
  if (length >= LEAST_INSTANCES) return null
  return new FfError(
    'phase_refused',
    `${length} instance${length === 1 ? ' lives' : 's live'} on the host ${quoteValue(host)}; without a second one that takes the mirror over, writes stop with the first.`,
    { hint: 'Start another `ff serve` there, or accept it: `ff cutover advance --one-writer`.' },
  )
}

interface LiveInstances {
  /** The instances that renew, on every host. */
  readonly live: readonly RegisteredInstance[]
  /** The ids of those that renew in the folder. */
  readonly renewing: ReadonlySet<string>
}
/** Watches for at most one lease. */
async function listLive(
  { sides, clock, limits, signal, host }: StepTools,
  { registered }: SidesReading,
): Promise<LiveInstances> {
  const observer = new LeaseObserver(sides, { clock, leaseMs: limits.leaseMs })
  observer.see(registered)
  const until = clock.now() + limits.leaseMs
  for (;;) {
    const now = await sides.file.instances()
    const there = [...now, ...(await sides.database.look(0)).instances]
    observer.see(there)
    const renewed = there.filter((one) => observer.hasRenewed(one))
    const live = [...new Map(renewed.map((one) => [one.id, one])).values()]
    const isWhole = there.every((one) => observer.hasRenewed(one))
    const here = live.filter(({ facts }) => facts.host === host).length
    const isOver = clock.now() >= until || signal.aborted
    if (isOver || (isWhole && here >= LEAST_INSTANCES))
      return { live, renewing: new Set(listInFolder(renewed)) }
    await clock.rest(limits.leaseMs / 10, signal)
  }
}

const listInFolder = (all: readonly RegisteredInstance[]): readonly string[] =>
  all.flatMap(({ place, id }) => (place === 'file' ? [id] : []))

interface Step extends Ready {
  /** What is not usual: the others raise no attempt, were judged for none, and have nothing to do with a drill. */
  readonly command: Pick<SwitchCommand, 'goal'> & Partial<SwitchCommand>
  readonly filled?: number | null
  readonly oneWriter?: boolean
}
/**
 * Runs a command that moves the cutover.
 *
 * @throws FfError `step_backed_out`, `step_unsettled`, `chains_forked`, `database_left`, `phase_refused`
 */
export async function runStep(
  tools: StepTools,
  { reading, look, command: change, filled = null, oneWriter = false }: Step,
): Promise<CutoverStep> {
  const from = findStandingRecord(reading.situation).phase
  const command = { ...PLAIN_STEP, database: look.identity, ...change }
  const { goal, gatedAttempt } = command
  const said = oneWriter && gatedAttempt !== null ? ({ one_writer: true } as const) : {}
  const outcome = await runSwitch(command, { ...tools, said })
  const after = await readSides(tools.sides)
  const next = findWayOut(after.situation)
  if (outcome.end !== 'done') throw toStepError(outcome, { goal, next })
  const { epoch, attempt, phase } = outcome.record
  return {
    from,
    phase,
    epoch,
    attempt,
    filled,
    paused_ms: outcome.pausedMs,
    one_writer: oneWriter,
    stopped: null,
    next,
  }
}

const PLAIN_STEP = {
  raisesAttempt: false,
  gatedAttempt: null,
  drillEndsAt: null,
  endsDrill: false,
} as const

/** Why a step did not reach its goal, naming what did not answer. */
function toStepError(
  { end, waitingFor, fault, phase }: SwitchOutcome,
  { goal, next }: { readonly goal: CutoverPhase; readonly next: WayOut },
): FfError {
  const [code, what] = ENDS[end as Exclude<SwitchOutcome['end'], 'done'>]
  const names = waitingFor.length === 0 ? '' : ` No answer from ${waitingFor.join(', ')}.`
  const reason = fault === null ? '' : ` ${fault.message}`
  return new FfError(
    code,
    `The step towards ${goal} ${what}; the phase is ${phase}.${names}${reason}`,
    {
      hint: `Run \`${next.command}\`.`,
      cause: fault,
    },
  )
}

const ENDS: Readonly<
  Record<
    Exclude<SwitchOutcome['end'], 'done'>,
    readonly [
      code:
        | 'step_backed_out'
        | 'step_unsettled'
        | 'chains_forked'
        | 'database_left'
        | 'phase_refused',
      what: string,
    ]
  >
> = {
  backed_out: ['step_backed_out', 'was taken back'],
  unreachable: ['step_backed_out', 'could not be finished or taken back'],
  unsettled: ['step_unsettled', 'is published, and not taken on by every live instance'],
  chains_forked: ['chains_forked', 'was refused: the folder holds another chain than the database'],
  database_left: ['database_left', 'was refused: this database was left and is never joined again'],
  ungated: ['phase_refused', 'was refused: the cutover has moved since the gate was asked'],
  in_drill: ['phase_refused', 'was refused: out of a drill there is the way back alone'],
}
