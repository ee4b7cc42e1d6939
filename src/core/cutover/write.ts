import type { InstanceStanding, NotWritable } from './instance.ts'
import { isEnough, PHASE_RULES } from './phases.ts'
import type { PhaseRecord } from './record.ts'

/**
 * Where a write is. In `locking`, `authority` and `abandoned` it may still reach the authority; `abandoned` was answered
 * and keeps its lock until the outcome is known.
 */
type WriteStage = 'new' | 'locking' | 'authority' | 'abandoned' | 'second' | 'answered'

/** One write at the instance that carries it out: the writer in phases served from the file, else any instance. */
export interface CutoverWrite {
  /** Unique in log and table on both sides: a digest of actor and idempotency key where there is one. */
  readonly op: string
  /** Digest of method, target and body. */
  readonly digest: string
  readonly stage: WriteStage
  /** The record under which it began. */
  readonly record: PhaseRecord
  readonly locked: boolean
  /** Its number in the authority; 0 before it is durable there. */
  readonly seq: number
}

/** What the instance holds and may do when an event arrives. */
export interface WriteView {
  readonly record: PhaseRecord
  readonly refusal: InstanceStanding['refusal']
  /** The server of the instance's lease, on which alone it may commit. */
  readonly server: string | null
}

export type WriteEvent =
  | { readonly type: 'begin'; readonly view: WriteView }
  /** The switch lock was taken, shared, and the record read in the same transaction. */
  | { readonly type: 'locked'; readonly epoch: number; readonly view: WriteView }
  /** The authority has the change: this one, or an earlier one under its `op`. */
  | { readonly type: 'durable'; readonly seq: number; readonly digest: string }
  /** The second side has it too, or the database's own record asks for none any more. */
  | { readonly type: 'mirrored' }
  /** The instance may hold a newer record, or may write in it now. */
  | { readonly type: 'moved'; readonly view: WriteView }
  /** Its `op` is not in the authority any more. */
  | { readonly type: 'gone' }
  /** The effect did not take place. */
  | { readonly type: 'failed' }
  /** Whether the effect took place is not known. */
  | { readonly type: 'unknown' }
  /** The bound of the write has passed. */
  | { readonly type: 'late' }

export type WriteAnswer =
  | { readonly status: 'acknowledged'; readonly seq: number }
  | { readonly status: 'mirror_behind'; readonly seq: number }
  | { readonly status: 'outcome_unknown' }
  | { readonly status: 'idempotency_key_reused' }
  /** Nothing was written. */
  | { readonly status: 'refused'; readonly why: NotWritable | 'backing_unavailable' | 'switching' }

export type WriteEffect =
  /**
   * Begins a transaction that the server ends after a lease of silence, takes the switch lock, shared, and reads the
   * record in it.
   */
  | { readonly do: 'lock_shared' }
  | { readonly do: 'free_lock' }
  /** Appends to the segment of this epoch and fsyncs, unless the log has the `op`. */
  | {
      readonly do: 'append_file'
      readonly op: string
      readonly digest: string
      readonly epoch: number
    }
  /** Inserts the change and its row image in the transaction that holds the lock, and commits, unless the `op` is there. */
  | {
      readonly do: 'commit_database'
      readonly op: string
      readonly digest: string
      readonly server: string | null
    }
  /** In phases served from the file: waits until the writer has copied `seq`, and tells each `moved` meanwhile. */
  | { readonly do: 'await_copy'; readonly seq: number }
  /**
   * Waits until one statement finds the `op` at a number that is published as mirrored, or beside a record of another phase
   * than this one: the database is enough then, or the switch back found both heads equal. A record that was read elsewhere
   * says nothing of the server that has the `op`.
   */
  | { readonly do: 'await_publication'; readonly op: string }
  | { readonly do: 'answer'; readonly answer: WriteAnswer }

type WriteStep = readonly [CutoverWrite, readonly WriteEffect[]]

export const startWrite = (
  { op, digest }: Pick<CutoverWrite, 'op' | 'digest'>,
  record: PhaseRecord,
): CutoverWrite => ({ op, digest, stage: 'new', record, locked: false, seq: 0 })

/** The next state of a write, and what it does. Total: an event that comes too late changes nothing. */
export function stepWrite(state: CutoverWrite, event: WriteEvent): WriteStep {
  switch (event.type) {
    case 'begin':
      return begin(state, event.view)
    case 'locked':
      return proceed(state, event)
    case 'durable':
      return takeDurable(state, event)
    case 'mirrored':
      return endWait(state, { status: 'acknowledged', seq: state.seq })
    case 'moved':
      return takeMove(state, event.view)
    case 'gone':
      return endWait(state, { status: 'outcome_unknown' })
    case 'failed':
      return takeFailure(state)
    case 'unknown':
      return state.stage === 'authority'
        ? answer(state, { status: 'outcome_unknown' })
        : takeFailure(state)
    case 'late':
      return takeLateness(state)
  }
}

/**
 * The epoch that an instance may say it holds: not before every write that began under an older one has reached the
 * authority or was refused.
 */
export const findHeldEpoch = ({ epoch }: PhaseRecord, writes: readonly CutoverWrite[]): number =>
  Math.min(epoch, ...writes.filter(({ stage }) => OPEN[stage]).map(({ record }) => record.epoch))

const OPEN: Readonly<Record<WriteStage, boolean>> = {
  new: false,
  locking: true,
  authority: true,
  abandoned: true,
  second: false,
  answered: false,
}

function begin(state: CutoverWrite, view: WriteView): WriteStep {
  if (state.stage !== 'new') return [state, []]
  const { record, refusal } = view
  if (refusal !== null) return answer(state, { status: 'refused', why: refusal })
  const begun = { ...state, record }
  return record.armed || PHASE_RULES[record.phase].authority === 'database'
    ? [{ ...begun, stage: 'locking' }, [{ do: 'lock_shared' }]]
    : writeAuthority(begun, view)
}

function proceed(
  state: CutoverWrite,
  { epoch, view }: Extract<WriteEvent, { type: 'locked' }>,
): WriteStep {
  if (state.stage !== 'locking') return [state, []]
  // Under another epoch it starts again there, once the instance holds it; also where it may not write for the moment.
  if (view.record.epoch !== epoch || epoch !== state.record.epoch || view.refusal !== null)
    return [{ ...state, stage: 'new' }, [{ do: 'free_lock' }]]
  return writeAuthority({ ...state, locked: true }, view)
}

function writeAuthority(state: CutoverWrite, { record, server }: WriteView): WriteStep {
  const { op, digest } = state
  const effect: WriteEffect =
    PHASE_RULES[record.phase].authority === 'file'
      ? { do: 'append_file', op, digest, epoch: record.epoch }
      : { do: 'commit_database', op, digest, server }
  return [{ ...state, stage: 'authority' }, [effect]]
}

function takeDurable(
  state: CutoverWrite,
  { seq, digest }: Extract<WriteEvent, { type: 'durable' }>,
): WriteStep {
  if (state.stage !== 'authority') return settle(state)
  if (digest !== state.digest) return answer(state, { status: 'idempotency_key_reused' })
  const { authority, second } = PHASE_RULES[state.record.phase]
  // A commit has freed the lock.
  const durable = { ...state, seq, locked: state.locked && authority === 'file' }
  if (second === null) return answer(durable, { status: 'acknowledged', seq })
  const waiting: CutoverWrite = { ...durable, stage: 'second' }
  return [waiting, [awaitSecond(waiting)]]
}

const awaitSecond = ({ op, seq, record }: CutoverWrite): WriteEffect =>
  PHASE_RULES[record.phase].authority === 'database'
    ? { do: 'await_publication', op }
    : { do: 'await_copy', seq }

/** The second side has said what there is to know. */
const endWait = (state: CutoverWrite, given: WriteAnswer): WriteStep =>
  state.stage === 'second' ? answer(state, given) : [state, []]

/**
 * Under a newer record the file may be enough: the segment of its epoch, without which an instance may not write, has
 * flushed what the older one holds.
 */
const takeMove = (state: CutoverWrite, { record, refusal }: WriteView): WriteStep =>
  refusal === null &&
  PHASE_RULES[state.record.phase].authority === 'file' &&
  isEnough(record.phase, 'file')
    ? endWait(state, { status: 'acknowledged', seq: state.seq })
    : [state, []]

function takeFailure(state: CutoverWrite): WriteStep {
  // A wait that failed begins again; only the bound ends it.
  if (state.stage === 'second') return [state, [awaitSecond(state)]]
  return state.stage === 'abandoned'
    ? settle(state)
    : answer(state, { status: 'refused', why: 'backing_unavailable' })
}

function takeLateness(state: CutoverWrite): WriteStep {
  if (state.stage === 'second') return answer(state, { status: 'mirror_behind', seq: state.seq })
  // Its effect may take place yet, so that the lock stays.
  if (state.stage === 'authority')
    return [
      { ...state, stage: 'abandoned' },
      [{ do: 'answer', answer: { status: 'outcome_unknown' } }],
    ]
  return answer(state, { status: 'refused', why: 'switching' })
}

const freeLock = ({ locked }: CutoverWrite): readonly WriteEffect[] =>
  locked ? [{ do: 'free_lock' }] : []

/** The outcome of a write that was answered without it: there is a lock to free, and no answer to give. */
const settle = (state: CutoverWrite): WriteStep =>
  state.stage === 'abandoned'
    ? [{ ...state, stage: 'answered', locked: false }, freeLock(state)]
    : [state, []]

const answer = (state: CutoverWrite, given: WriteAnswer): WriteStep =>
  state.stage === 'answered' || state.stage === 'abandoned'
    ? [state, []]
    : [
        { ...state, stage: 'answered', locked: false },
        [...freeLock(state), { do: 'answer', answer: given }],
      ]
