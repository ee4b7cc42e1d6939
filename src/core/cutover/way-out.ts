import { DRILL_RETURN } from './drill.ts'
import type { ChainOrder } from './heads.ts'
import { type LossCommand, type LostSide, refuseLoss } from './loss.ts'
import { changesAuthority, CUTOVER_PHASES, type CutoverPhase, PHASE_RULES } from './phases.ts'
import {
  chooseRecord,
  isIntentOpen,
  isMirrorPartial,
  type PhaseRecord,
  type StepIntent,
} from './record.ts'

/** What a command reads of both sides before it decides what to do. */
export interface CutoverSituation {
  readonly file: PhaseRecord
  readonly intent: StepIntent | null
  /** Null where the database does not answer. */
  readonly database: {
    readonly identity: string
    /** Null before the first cutover. */
    readonly record: PhaseRecord | null
    readonly order: ChainOrder
  } | null
}

/**
 * Where a cutover stands. `ready`: the next step may be taken; `finished`: there is none; `drill`: there is the way back
 * alone, which the writer takes by itself at the end. `copies_differ`, `armed` and `intent_open`: a command ended in the
 * middle of a step.
 */
export type CutoverStanding =
  | 'ready'
  | 'finished'
  | 'drill'
  | 'copies_differ'
  | 'armed'
  | 'intent_open'
  | 'chains_forked'
  | 'database_left'
  | 'other_database'
  | 'database_unreachable'

/** The standing, and the one command that leads out of it. */
export interface WayOut {
  readonly standing: CutoverStanding
  /** As it is pasted into a shell; a word in capitals is the operator's. */
  readonly command: string
}

/** The record that decides, by both copies where the database answers and belongs to this cutover. */
export const findStandingRecord = ({ file, database }: CutoverSituation): PhaseRecord =>
  database !== null && file.database === database.identity
    ? chooseRecord(file, database.record)
    : file

/** Every situation has a way out. */
export function findWayOut(situation: CutoverSituation): WayOut {
  const { file, database } = situation
  if (database === null) return leaveUnreachable(situation)
  if (file.database !== null && file.database !== database.identity)
    return { standing: 'other_database', command: 'ff config show --origin' }
  if (file.database === null && database.record !== null)
    return { standing: 'database_left', command: 'ff cutover reconcile --dry-run' }
  return findLeft(situation, database) ?? goOn(situation, database.order)
}

/** In phase `file` nothing depends on the database, and the next step needs it. */
function leaveUnreachable({ file, intent }: CutoverSituation): WayOut {
  const standing = 'database_unreachable'
  if (file.phase === 'file') return { standing, command: 'ff migrate status' }
  return { standing, command: toLossCommand('database_lost', { record: file, intent }) }
}

const LOSS_COMMANDS: Readonly<Record<LostSide, string>> = {
  database_lost: 'ff cutover rollback --db-lost',
  file_lost: 'ff cutover advance --file-lost',
}
function toLossCommand(lost: LostSide, held: Pick<LossCommand, 'record' | 'intent'>): string {
  const isAlone = refuseLoss({ lost, ...held }, false) === null
  return isAlone ? LOSS_COMMANDS[lost] : `${LOSS_COMMANDS[lost]} --stopped TEXT`
}

/** What a command left in the middle of a step; null where it left nothing. */
function findLeft(
  { file, intent }: CutoverSituation,
  { record: other }: NonNullable<CutoverSituation['database']>,
): WayOut | null {
  if (file.database !== null && other?.epoch !== file.epoch) {
    const [older, newer] =
      other !== null && other.epoch > file.epoch ? [file, other] : [other ?? file, file]
    return {
      standing: 'copies_differ',
      command: toStepCommand(newer, [older.phase, newer.phase]),
    }
  }
  if (isMirrorPartial(file, intent))
    return { standing: 'intent_open', command: `ff cutover rollback --to ${file.phase}` }
  if (intent !== null && isIntentOpen(file, intent)) {
    const command = changesAuthority(file.phase, intent.phase)
      ? TAKE_BACK
      : toStepCommand(file, [file.phase, intent.phase])
    return { standing: 'intent_open', command }
  }
  return file.armed ? { standing: 'armed', command: TAKE_BACK } : null
}

/**
 * Takes back a change of authority that was not decided, or finishes the one to the file. It needs no GO, and a drill that
 * ended before its decision has left no sign that it was one.
 */
const TAKE_BACK = `ff cutover rollback --to ${DRILL_RETURN.goal}`

/** Out of a drill there is the way back alone; null outside of one. */
const findDrillCommand = ({ drillEndsAt }: PhaseRecord): string | null =>
  drillEndsAt === null ? null : TAKE_BACK

/** The command whose step leads from one phase to another, or finishes it. @param record the one that decides */
const toStepCommand = (
  record: PhaseRecord,
  [from, to]: readonly [from: CutoverPhase, to: CutoverPhase],
): string =>
  findDrillCommand(record) ??
  (CUTOVER_PHASES.indexOf(to) >= CUTOVER_PHASES.indexOf(from)
    ? 'ff cutover advance'
    : `ff cutover rollback --to ${to}`)

/** Both copies say the same, and no step was left. */
function goOn({ file, intent }: CutoverSituation, order: ChainOrder): WayOut {
  const { authority, second, forth } = PHASE_RULES[file.phase]
  // One side alone has no second chain to compare with.
  if (second !== null && order === 'forked') {
    const lost = authority === 'file' ? 'database_lost' : 'file_lost'
    return {
      standing: 'chains_forked',
      command: toLossCommand(lost, { record: file, intent }),
    }
  }
  const drill = findDrillCommand(file)
  if (drill !== null) return { standing: 'drill', command: drill }
  return forth === null
    ? { standing: 'finished', command: 'ff cutover rollback --to db_authoritative' }
    : { standing: 'ready', command: 'ff cutover advance' }
}

/** The goal of `advance`: the step that was begun and left is finished before the next one; null where none leads on. */
export function findAdvanceGoal(situation: CutoverSituation): CutoverPhase | null {
  const record = findStandingRecord(situation)
  if (record.drillEndsAt !== null) return null
  return findWayOut(situation).standing === 'copies_differ'
    ? record.phase
    : PHASE_RULES[record.phase].forth
}
