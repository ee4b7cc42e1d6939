import type { SwitchEvent } from '../../src/core/cutover/switch.ts'
import type { WriterView } from '../../src/core/cutover/writer.ts'
import { PHASE_RULES } from '../../src/core/cutover/phases.ts'
import { type Protocol, SOUND } from './protocol.ts'

/** One wrong turn of the protocol, as a change of what the sound one does. */
export interface PlantedFault {
  readonly what: string
  readonly protocol: Protocol
  /** Whether only runs with drills can show it. */
  readonly drills: boolean
}

const plant = (what: string, change: Partial<Protocol>): PlantedFault => ({
  what,
  drills: 'watchDrill' in change || 'drillReturn' in change,
  protocol: { ...SOUND, ...change },
})

const earlyAnswer: Protocol['stepWrite'] = (state, event) => {
  const [next, effects] = SOUND.stepWrite(state, event)
  return event.type === 'durable' && next.stage === 'second'
    ? SOUND.stepWrite(next, { type: 'mirrored' })
    : [next, effects]
}

const anyNewer: Protocol['stepWrite'] = (state, event) =>
  SOUND.stepWrite(
    state,
    event.type === 'moved' && event.view.record.epoch > state.record.epoch
      ? { type: 'mirrored' }
      : event,
  )

const withoutLock: Protocol['stepWrite'] = (state, event) =>
  SOUND.stepWrite(
    state,
    event.type === 'begin'
      ? { ...event, view: { ...event.view, record: { ...event.view.record, armed: false } } }
      : event,
  )

/** The database's position as the writer has noted it, whatever the database says. */
const markedDone: Protocol['stepWriter'] = (state, view) => {
  const { database } = view
  if (database === null || state.copied === 0 || state.copied !== view.head.seq)
    return SOUND.stepWriter(state, view)
  const heads = { ...database.heads, database: view.head, common: view.head.hash }
  return SOUND.stepWriter(state, { ...view, database: { ...database, heads } })
}

const beforeOpen: Protocol['assessInstance'] = (state, context) => {
  const standing = SOUND.assessInstance(state, context)
  return standing.refusal === 'no_consent' && state.publication?.epoch !== state.record?.epoch
    ? { stale: false, refusal: null }
    : standing
}

const endlessConsent: Protocol['assessInstance'] = (state, context) => {
  const standing = SOUND.assessInstance(state, context)
  const { refusal } = standing
  const isCut = refusal === 'no_consent' && state.publication?.epoch === state.record?.epoch
  return isCut ? { stale: false, refusal: null } : standing
}

/** Answers an effect for the world, as if it had been done. */
const skip =
  (effect: string): Pick<Protocol, 'startSwitch' | 'stepSwitch'>['stepSwitch'] =>
  (state, event) => {
    const [next, todo] = SOUND.stepSwitch(state, event)
    return todo?.do === effect ? SOUND.stepSwitch(next, { type: 'done' }) : [next, todo]
  }

const neitherSide: Partial<Protocol> = {
  stepWriter: (state, view) => {
    const step = SOUND.stepWriter(state, view)
    return step[1]?.do === 'write_record' && step[1].side === 'file' ? [step[0], null] : step
  },
  stepSwitch: (state, event: SwitchEvent) =>
    event.type === 'records' && (event.database?.epoch ?? 0) > event.file.epoch
      ? SOUND.stepSwitch(state, { type: 'failed' })
      : SOUND.stepSwitch(state, event),
}

const staysArmed: Protocol['stepSwitch'] = (state, event) => {
  const [next, effect] = SOUND.stepSwitch(state, event)
  const isBack = ['clean', 'clean_file', 'back', 'back_file'].includes(next.stage)
  return effect?.do === 'write_record' && isBack
    ? [next, { ...effect, record: { ...effect.record, armed: true } }]
    : [next, effect]
}

const noAttempt: Protocol['startSwitch'] = (command, record) =>
  SOUND.startSwitch({ ...command, raisesAttempt: false }, record)

/** A loss that keeps the database's identity, and a database that may come back. */
const joinsAgain: Partial<Protocol> = {
  refusesLeft: false,
  stepLoss: (state, event) => {
    const [next, effect] = SOUND.stepLoss(state, event)
    if (effect?.do !== 'write_record' || effect.side !== 'file') return [next, effect]
    return [next, { ...effect, record: { ...effect.record, database: state.record.database } }]
  },
}

const noWait: Protocol['stepLoss'] = (state, event) => {
  const [next, effect] = SOUND.stepLoss(state, event)
  return effect?.do === 'await_lease' ? SOUND.stepLoss(next, 'done') : [next, effect]
}

/** Heads are compared once, and not again on another server. */
const comparesOnce: Protocol['stepWriter'] = (state, view) => {
  const { database } = view
  if (state.compared?.epoch !== view.record.epoch || database === null)
    return SOUND.stepWriter(state, view)
  const { authority } = PHASE_RULES[view.record.phase]
  const isBehind = database.heads.database.seq < database.heads.file.seq
  if (authority !== 'database' || !isBehind) return SOUND.stepWriter(state, view)
  const heads: WriterView['database'] = {
    ...database,
    heads: {
      ...database.heads,
      file: database.heads.database,
      common: database.heads.database.hash,
    },
  }
  return SOUND.stepWriter(state, { ...view, database: heads })
}

export const PLANTED_FAULTS: Readonly<Record<string, PlantedFault>> = {
  no_fence: plant('a late line of an ended writer counts', { fencesSegments: () => false }),
  early_acknowledgement: plant('a write is acknowledged before the second side has it', {
    stepWrite: earlyAnswer,
  }),
  any_newer_record: plant('a write that waits is acknowledged under any newer record', {
    stepWrite: anyNewer,
  }),
  acts_before_open: plant('an instance acts on a new phase before the first publication in it', {
    assessInstance: beforeOpen,
  }),
  endless_consent: plant('consent does not run out', { assessInstance: endlessConsent }),
  wall_clock: plant('leases are counted by the wall clock', {
    readClock: (world, actor) =>
      world.now + (actor.onFileHost ? world.wall.file : world.wall.other),
  }),
  marked_done: plant('the position of the database is kept beside the file', {
    stepWriter: markedDone,
  }),
  compares_once: plant('heads are not compared again on another server', {
    stepWriter: comparesOnce,
  }),
  joins_again: plant('a database that was left is joined again', joinsAgain),
  undrained: plant('an instance says that it holds an epoch while older writes are under way', {
    findHeldEpoch: ({ epoch }) => epoch,
    checksEpoch: false,
  }),
  no_check: plant('the authority moves while the copy is incomplete', {
    stepSwitch: skip('check_heads'),
  }),
  long_transaction: plant('a transaction commits after its session has lost the lock', {
    checksSession: false,
  }),
  no_lock: plant('a write of an armed phase does not take the switch lock', {
    stepWrite: withoutLock,
    checksEpoch: false,
  }),
  no_settling: plant('a step does not wait for instances that hold the old epoch', {
    stepSwitch: skip('await_held'),
  }),
  neither_side: plant(
    'a switch that ended half way is finished by neither command nor writer',
    neitherSide,
  ),
  stays_armed: plant('a step that was backed out of stays armed', { stepSwitch: staysArmed }),
  no_attempt: plant('a rollback keeps the attempt', { startSwitch: noAttempt }),
  blind_back_out: plant('backing out overwrites a decision that arrived', { writesOver: true }),
  endless_drill: plant('the writer counts no time of a drill', { watchDrill: () => null }),
  drill_goes_on: plant('the way back of a drill goes on to file', {
    drillReturn: { ...SOUND.drillReturn, goal: 'file', endsDrill: false },
  }),
  no_wait: plant('--db-lost does not wait for the leases', { stepLoss: noWait }),
  no_answer: plant('a step decides without the answer of the writer', {
    stepSwitch: skip('await_writer'),
  }),
}
