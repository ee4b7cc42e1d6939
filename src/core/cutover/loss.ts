import { PHASE_RULES } from './phases.ts'
import {
  followRecord,
  isIntentOpen,
  isMirrorPartial,
  type PhaseRecord,
  type StepIntent,
  type WriteRecord,
} from './record.ts'

/** `--db-lost` goes on with the file alone, `--file-lost` with the database alone. */
export type LostSide = 'database_lost' | 'file_lost'

/** A command that decides with one side. */
export interface LossCommand {
  readonly lost: LostSide
  readonly record: PhaseRecord
  readonly intent: StepIntent | null
  /** How many effects are done. */
  readonly done: number
  readonly failed: boolean
}

export type LossEffect =
  /** Ends the writer with SIGKILL where this host can, and takes the file's lock where the file is here. */
  | { readonly do: 'end_writer' }
  /** One lease, and a tenth for clock rates, after the file side's last publication, or after the writer ended. */
  | { readonly do: 'await_lease' }
  /** Takes every whole line, as a new writer does. */
  | { readonly do: 'take_lines' }
  | WriteRecord

type LossStep = readonly [LossCommand, LossEffect | null]

/** Why a command may not decide with one side. */
export type LossRefusal = 'one_side_only' | 'needs_stopped'

/**
 * Whether such a command may start; null where it may.
 *
 * @param stopped whether the operator has said how the other side was switched off: a lease cannot tell two operators of a
 *   partition apart
 */
export function refuseLoss(
  { lost, record, intent }: Pick<LossCommand, 'lost' | 'record' | 'intent'>,
  stopped: boolean,
): LossRefusal | null {
  if (lost === 'file_lost') {
    if (record.phase !== 'db_authoritative') return 'one_side_only'
    return stopped || record.survivor === 'database' ? null : 'needs_stopped'
  }
  if (record.phase === 'file') return 'one_side_only'
  const isWhole = record.survivor === 'file' && !isDatabaseAhead(record, intent)
  return stopped || isWhole ? null : 'needs_stopped'
}

/** Whether the database may have acknowledged what the file lacks. */
const isDatabaseAhead = (record: PhaseRecord, intent: StepIntent | null): boolean =>
  PHASE_RULES[record.phase].second === null ||
  (isIntentOpen(record, intent) && intent?.phase === 'complete') ||
  isMirrorPartial(record, intent)

export const startLoss = (command: Pick<LossCommand, 'lost' | 'record' | 'intent'>): LossStep =>
  enter({ ...command, done: 0, failed: false })

/** The next state of such a command, and its one effect; null once it has ended. */
export const stepLoss = (state: LossCommand, event: 'done' | 'failed'): LossStep =>
  event === 'done' ? enter({ ...state, done: state.done + 1 }) : [{ ...state, failed: true }, null]

const WAYS: Readonly<Record<LostSide, (state: LossCommand) => readonly LossEffect[]>> = {
  database_lost: ({ record, intent }) => [
    { do: 'end_writer' },
    { do: 'await_lease' },
    { do: 'take_lines' },
    writeRecord(record, 'file', intent?.epoch ?? 0),
  ],
  file_lost: ({ record }) => [
    { do: 'end_writer' },
    { do: 'await_lease' },
    writeRecord(record, 'database', 0),
  ],
}

function writeRecord(record: PhaseRecord, side: WriteRecord['side'], above: number): WriteRecord {
  const next =
    side === 'file'
      ? followRecord(
          record,
          { phase: 'file', database: null, attempt: record.attempt + 1, drillEndsAt: null },
          above,
        )
      : followRecord(record, { phase: 'complete', drillEndsAt: null })
  return { do: 'write_record', side, record: next, over: record.epoch }
}

const enter = (state: LossCommand): LossStep => [state, WAYS[state.lost](state)[state.done] ?? null]
