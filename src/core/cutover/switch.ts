import {
  changesAuthority,
  type CutoverPhase,
  type CutoverSide,
  PHASE_RULES,
  stepTowards,
} from './phases.ts'
import {
  chooseRecord,
  followRecord,
  isIntentOpen,
  isMirrorPartial,
  type PhaseRecord,
  type StepIntent,
  type WriteRecord,
} from './record.ts'

/** A command that moves the cutover: `advance`, `rollback`, or the way back of a drill. One runs at a time. */
export interface SwitchCommand {
  readonly goal: CutoverPhase
  readonly raisesAttempt: boolean
  /** The attempt for which this command may give the authority to the database; null where it was judged for none. */
  readonly gatedAttempt: number | null
  /** Identity of the database that the step out of `file` joins. */
  readonly database: string
  /** Set on the record of the goal: when the way back of a drill begins. */
  readonly drillEndsAt: number | null
  /** Whether it is the way back of a drill, which ends where the record is of none. */
  readonly endsDrill: boolean
}

type SwitchStage =
  | 'look'
  | 'align'
  | 'intend'
  | 'leave_mirror'
  | 'publish'
  | 'publish_second'
  | 'settle'
  | 'catch_up'
  | 'intend_mirror'
  | 'rebuild'
  | 'mirror_settle'
  | 'mirror_catch_up'
  | 'compare'
  | 'arm'
  | 'arm_second'
  | 'arm_settle'
  | 'close'
  | 'drain'
  | 'lock'
  | 'ask_writer'
  | 'check'
  | 'decide'
  | 'ask'
  | 'open'
  | 'free'
  | 'back'
  | 'back_file'
  | 'back_free'
  | 'clean'
  | 'clean_file'
  | SwitchEnd
type SwitchEnd =
  | 'done'
  | 'backed_out'
  /** The command could not read or write what the step needs: the next one finishes it. */
  | 'unreachable'
  /** The step is published, and an instance that lives did not take it on within the bound. */
  | 'unsettled'
  /** The folder's chain is not part of the database's. */
  | 'chains_forked'
  /** The database was left by `--db-lost`, and is never joined again. */
  | 'database_left'
  /** The record has moved: the next step gives the authority to the database, and was not judged. */
  | 'ungated'
  /** A drill leads nowhere but back. */
  | 'in_drill'

export interface CutoverSwitch {
  readonly command: SwitchCommand
  readonly stage: SwitchStage
  /** The record that stands, and the one that a step is about to publish. */
  readonly record: PhaseRecord
  readonly next: PhaseRecord
  /** The lowest attempt that it publishes; 0 before it has read a record outside of a drill. */
  readonly attempt: number
}

export interface BothRecords {
  readonly file: PhaseRecord
  /** Null where it has none yet. */
  readonly database: PhaseRecord | null
  readonly intent: StepIntent | null
}
export type SwitchEvent =
  | { readonly type: 'done' }
  /** Not done, or the bound has passed. */
  | { readonly type: 'failed' }
  /** Whether it was done is not known. */
  | { readonly type: 'unknown' }
  | ({ readonly type: 'records' } & BothRecords)

export type SwitchEffect =
  | { readonly do: 'read_records' }
  | WriteRecord
  /**
   * Replaces the database's record where its publication was made under that record and on this server: the writer has
   * compared the heads here, so that the database has all that the file has.
   */
  | (Omit<WriteRecord, 'do' | 'side'> & { readonly do: 'leave_mirror' })
  /** Ends when each live instance holds the epoch and the leases of the others have run out. */
  | { readonly do: 'await_held'; readonly epoch: number }
  /** Ends when the second side has what the authority had when the wait began. */
  | { readonly do: 'await_caught_up' }
  /** Fsyncs the intent beside the file. */
  | { readonly do: 'write_intent'; readonly intent: StepIntent }
  /** Other hosts say `draining` for their delay; the database still serves. */
  | { readonly do: 'drain' }
  /** Fair, within a bound, on a session that the server ends after the same bound of silence; done where it holds it. */
  | { readonly do: 'lock_exclusive' }
  /**
   * Ends when the holder of the file's lock has answered: all that it had begun to append is in the file then, and it
   * appends nothing more without the switch lock. One that is frozen answers nothing, and would append once it thaws.
   */
  | { readonly do: 'await_writer' }
  /** Whether both heads are the same and the shipping slots are released. */
  | { readonly do: 'check_heads' }
  /** Commits record and boundary record on the session that holds the lock, if the record there is the one before. */
  | { readonly do: 'decide'; readonly record: PhaseRecord }
  | { readonly do: 'free_lock' }
  /** Ends when the writer has compared the heads under the epoch that stands: the file lacks nothing. */
  | { readonly do: 'await_compared' }
  /** Fills a folder that is empty, or whose head is in the database's chain, until it has caught up. */
  | { readonly do: 'rebuild_mirror' }

type SwitchStep = readonly [CutoverSwitch, SwitchEffect | null]

interface StageRules {
  /** Null: the command has ended. */
  readonly effect: ((state: CutoverSwitch) => SwitchEffect) | null
  /** The stage after an effect that was done, and after any other outcome. */
  readonly done: SwitchStage
  readonly failed: SwitchStage
}

const write =
  (which: 'authority' | 'second') =>
  ({ record, next }: CutoverSwitch): SwitchEffect => {
    const { authority } = PHASE_RULES[record.phase]
    const other = authority === 'file' ? 'database' : 'file'
    const side = which === 'authority' ? authority : other
    return { do: 'write_record', side, record: next, over: record.epoch }
  }
const writeTo =
  (side: CutoverSide) =>
  ({ record, next }: CutoverSwitch): SwitchEffect => ({
    do: 'write_record',
    side,
    record: next,
    over: record.epoch,
  })
const settle = ({ next }: CutoverSwitch): SwitchEffect => ({ do: 'await_held', epoch: next.epoch })
const intend = ({ next: { epoch, phase } }: CutoverSwitch): SwitchEffect => ({
  do: 'write_intent',
  intent: { epoch, phase },
})
/** Above the record of the step, so that it stands until the mirror has all that was acknowledged without it. */
const intendMirror = ({ next: { epoch, phase } }: CutoverSwitch): SwitchEffect => ({
  do: 'write_intent',
  intent: { epoch: epoch + 1, phase },
})
const END = { effect: null, done: 'look', failed: 'look' } as const

const STAGES: Readonly<Record<SwitchStage, StageRules>> = {
  look: { effect: () => ({ do: 'read_records' }), done: 'look', failed: 'unreachable' },
  align: { effect: null, done: 'look', failed: 'unreachable' },

  // A step within one authority.
  intend: { effect: intend, done: 'leave_mirror', failed: 'backed_out' },
  leave_mirror: {
    effect: ({ record, next }) => ({ do: 'leave_mirror', record: next, over: record.epoch }),
    done: 'publish_second',
    failed: 'backed_out',
  },
  rebuild: {
    effect: () => ({ do: 'rebuild_mirror' }),
    done: 'intend_mirror',
    failed: 'chains_forked',
  },
  intend_mirror: { effect: intendMirror, done: 'publish', failed: 'backed_out' },
  compare: { effect: () => ({ do: 'await_compared' }), done: 'publish', failed: 'backed_out' },
  publish: { effect: write('authority'), done: 'publish_second', failed: 'unreachable' },
  publish_second: { effect: write('second'), done: 'settle', failed: 'unreachable' },
  settle: { effect: settle, done: 'catch_up', failed: 'unsettled' },
  catch_up: { effect: () => ({ do: 'await_caught_up' }), done: 'look', failed: 'unsettled' },

  // A change of authority: arm, close, check, decide, open.
  arm: { effect: write('authority'), done: 'arm_second', failed: 'back' },
  arm_second: { effect: write('second'), done: 'arm_settle', failed: 'back' },
  arm_settle: { effect: settle, done: 'close', failed: 'back' },
  close: { effect: intend, done: 'drain', failed: 'back' },
  drain: { effect: () => ({ do: 'drain' }), done: 'lock', failed: 'back' },
  lock: { effect: () => ({ do: 'lock_exclusive' }), done: 'ask_writer', failed: 'back' },
  ask_writer: { effect: () => ({ do: 'await_writer' }), done: 'check', failed: 'back' },
  check: { effect: () => ({ do: 'check_heads' }), done: 'decide', failed: 'back' },
  decide: { effect: ({ next }) => ({ do: 'decide', record: next }), done: 'open', failed: 'ask' },
  ask: { effect: () => ({ do: 'read_records' }), done: 'ask', failed: 'unreachable' },
  open: { effect: writeTo('file'), done: 'free', failed: 'unreachable' },
  free: { effect: () => ({ do: 'free_lock' }), done: 'settle', failed: 'settle' },

  // The old phase under a newer epoch, first in the database, which may have decided meanwhile. The lock is freed last.
  back: { effect: writeTo('database'), done: 'back_file', failed: 'look' },
  back_file: { effect: writeTo('file'), done: 'back_free', failed: 'unreachable' },
  back_free: { effect: () => ({ do: 'free_lock' }), done: 'backed_out', failed: 'backed_out' },
  // The mirror has what was acknowledged without it: its intent may end.
  mirror_settle: {
    effect: ({ record }) => ({ do: 'await_held', epoch: record.epoch }),
    done: 'mirror_catch_up',
    failed: 'unsettled',
  },
  mirror_catch_up: {
    effect: () => ({ do: 'await_caught_up' }),
    done: 'clean',
    failed: 'unsettled',
  },
  // The same for what an earlier command left.
  clean: { effect: writeTo('database'), done: 'clean_file', failed: 'unreachable' },
  clean_file: { effect: writeTo('file'), done: 'look', failed: 'unreachable' },

  done: END,
  backed_out: END,
  unreachable: END,
  unsettled: END,
  chains_forked: END,
  database_left: END,
  ungated: END,
  in_drill: END,
}

/** A command before its first effect, which reads both copies of the record. */
export const startSwitch = (command: SwitchCommand, record: PhaseRecord): SwitchStep =>
  enter({ command, stage: 'look', record, next: record, attempt: 0 }, 'look')

/** The next state of a command, and its one effect; null once it has ended. */
export function stepSwitch(state: CutoverSwitch, event: SwitchEvent): SwitchStep {
  const { done, failed } = STAGES[state.stage]
  if (findSwitchEnd(state) !== null) return [state, null]
  if (event.type === 'records')
    return state.stage === 'ask' ? takeOutcome(state, event) : choose(state, event)
  if (event.type !== 'done') return failed === 'back' ? backOut(state) : enter(state, failed)
  if (done === 'close') return prepare(state)
  const isAlone = PHASE_RULES[state.next.phase].second === null
  return enter(state, done === 'catch_up' && isAlone ? 'look' : done)
}

/** Whether a command has ended; null while it runs. */
export const findSwitchEnd = ({ stage }: CutoverSwitch): SwitchEnd | null =>
  STAGES[stage] === END ? (stage as SwitchEnd) : null

function enter(state: CutoverSwitch, stage: SwitchStage): SwitchStep {
  const next = { ...state, stage }
  return [next, STAGES[stage].effect?.(next) ?? null]
}

/** What to do next by what both copies say: finish or clean up what an earlier command left, then one step. */
function choose(state: CutoverSwitch, { file, database, intent }: BothRecords): SwitchStep {
  const { goal, endsDrill } = state.command
  const joined = file.database !== null
  const record = joined ? chooseRecord(file, database) : file
  const seen = { ...state, record, next: record, attempt: findAttempt(state, record) }
  if (joined && database?.epoch !== file.epoch)
    return align(seen, record === file ? 'database' : 'file')
  if (endsDrill && record.drillEndsAt === null) return enter(seen, 'done')
  const left = findLeftover(record, intent)
  if (left !== null) {
    const next = followRecord(record, {}, left.epoch)
    return enter({ ...seen, next }, left.stage)
  }
  if (record.phase === goal) return enter(seen, 'done')
  // One with a record of its own that the file does not know, closed at first contact or not yet.
  if (!joined && database !== null) return enter(seen, 'database_left')
  return takeStep(seen)
}

/** One step towards the goal, from a record that both copies hold. */
function takeStep(state: CutoverSwitch): SwitchStep {
  const { phase, drillEndsAt } = state.record
  const next = stepTowards(phase, state.command.goal)
  if (drillEndsAt !== null && next === PHASE_RULES[phase].forth) return enter(state, 'in_drill')
  return changesAuthority(phase, next) ? arm(state) : publish(state)
}

/** By the record that the command has read first: the way out of a drill raises nothing, a step behind it does. */
const findAttempt = ({ attempt, command }: CutoverSwitch, record: PhaseRecord): number =>
  attempt > 0 || record.drillEndsAt !== null
    ? attempt
    : record.attempt + (command.raisesAttempt ? 1 : 0)

/**
 * The epoch that an earlier command had promised when it ended between its intent and its decision, while it was armed, or
 * before the mirror was whole, and the stage that begins to end it; null where it left nothing.
 */
function findLeftover(
  record: PhaseRecord,
  intent: StepIntent | null,
): { readonly epoch: number; readonly stage: 'clean' | 'mirror_settle' } | null {
  if (intent !== null && isIntentOpen(record, intent))
    return {
      epoch: intent.epoch,
      stage: isMirrorPartial(record, intent) ? 'mirror_settle' : 'clean',
    }
  return record.armed ? { epoch: record.epoch, stage: 'clean' } : null
}

/** Brings the older copy up to the newer one. */
const align = (state: CutoverSwitch, side: CutoverSide): SwitchStep => [
  { ...state, stage: 'align' },
  { do: 'write_record', side, record: state.record, over: state.record.epoch - 1 },
]

/** The record to follow, with the attempt of this command: also where an earlier try to publish it was lost. */
const raise = ({ record, attempt }: CutoverSwitch): PhaseRecord => ({
  ...record,
  attempt: Math.max(record.attempt, attempt),
})

function arm(state: CutoverSwitch): SwitchStep {
  const { record, command } = state
  if (PHASE_RULES[record.phase].authority === 'file' && record.attempt !== command.gatedAttempt)
    return enter(state, 'ungated')
  return enter({ ...state, next: followRecord(raise(state), { armed: true }) }, 'arm')
}

/** Every instance holds the armed record: what is intended now is the new phase. */
function prepare(state: CutoverSwitch): SwitchStep {
  const { goal, drillEndsAt } = state.command
  const record = state.next
  const phase = stepTowards(record.phase, goal)
  const change = { phase, drillEndsAt: phase === goal ? drillEndsAt : null }
  return enter({ ...state, record, next: followRecord(record, change) }, 'close')
}

const FIRST: Readonly<Partial<Record<CutoverPhase, SwitchStage>>> = {
  file: 'compare',
  complete: 'intend',
  db_authoritative: 'rebuild',
}
function publish(state: CutoverSwitch): SwitchStep {
  const { record, command } = state
  const phase = stepTowards(record.phase, command.goal)
  const change = { phase, database: record.database ?? command.database }
  return enter({ ...state, next: followRecord(raise(state), change) }, FIRST[phase] ?? 'publish')
}

/**
 * Publishes the old phase under an epoch above all that was promised; not over a decision, which may have reached the
 * database after all.
 */
function backOut(state: CutoverSwitch): SwitchStep {
  const { record, next } = state
  const standing = next.armed ? next : record
  return enter({ ...state, record: standing, next: followRecord(standing, {}, next.epoch) }, 'back')
}

/** The answer to the decision was lost: the database's record says whether it was taken. */
function takeOutcome(state: CutoverSwitch, { database }: BothRecords): SwitchStep {
  return database?.epoch === state.next.epoch ? enter(state, 'open') : backOut(state)
}
