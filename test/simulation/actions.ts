import type { HandedEvent } from '../../src/core/cutover/handed-write.ts'
import { refuseLoss, type LostSide } from '../../src/core/cutover/loss.ts'
import { watchLeases } from '../../src/core/cutover/leases.ts'
import { type CutoverPhase, PHASE_RULES } from '../../src/core/cutover/phases.ts'
import { chooseRecord } from '../../src/core/cutover/record.ts'
import type { SwitchCommand, SwitchEvent } from '../../src/core/cutover/switch.ts'
import { startWrite, type WriteEffect, type WriteEvent } from '../../src/core/cutover/write.ts'
import { IDLE_WRITER } from '../../src/core/cutover/writer.ts'
import {
  crash,
  findTruth,
  flush,
  look,
  renew,
  runLoss,
  runSwitch,
  runWrite,
  runWriter,
  viewWrite,
} from './execute.ts'
import { acknowledge, checkSecond, type GivenAnswer, serve } from './invariants.ts'
import type { Protocol } from './protocol.ts'
import {
  type Actor,
  type Floating,
  readChain,
  reachesDatabase,
  startActor,
  type World,
  type WriteAtActor,
  type WriteAtFollower,
} from './world.ts'

/**
 * What may happen to an effect: it ends; it does not take place; its answer is lost; it is given up while it is under way, or
 * its process is killed meanwhile, so that it takes place later or never; its process is killed before it, or after it.
 */
export const OUTCOMES = [
  'ok',
  'lost',
  'unanswered',
  'delayed',
  'killed_before',
  'killed_after',
  'killed_during',
] as const
export type Outcome = (typeof OUTCOMES)[number]

export type Action =
  /** The next effect of one machine of a process. */
  | EffectAction
  | {
      readonly do: 'handed' | 'writer_gone' | 'handed_late'
      readonly actor: string
      readonly at: number
    }
  | { readonly do: 'renew' | 'look' | 'apply' | 'read' | 'begin'; readonly actor: string }
  | { readonly do: 'late'; readonly actor: string; readonly at: number }
  | { readonly do: 'bound'; readonly actor: string }
  | { readonly do: 'advance' | 'rollback'; readonly goal: CutoverPhase }
  | { readonly do: 'lose'; readonly lost: LostSide }
  /** The command begins a drill; the writer takes its way back. */
  | { readonly do: 'drill' }
  | { readonly do: 'return'; readonly actor: string }
  | { readonly do: 'floating'; readonly at: number; readonly drop: boolean }
  | { readonly do: 'tick' }
  | Disturbance

type EffectAction =
  | {
      readonly do: 'renewal' | 'writer' | 'command'
      readonly actor: string
      readonly outcome: Outcome
    }
  | { readonly do: 'write'; readonly actor: string; readonly at: number; readonly outcome: Outcome }
type Disturbance =
  | { readonly do: 'kill' | 'restart' | 'freeze' | 'thaw'; readonly actor: string }
  | { readonly do: 'end_session'; readonly session: string }
  | { readonly do: 'cut'; readonly link: 'file' | 'other'; readonly on: boolean }
  | { readonly do: 'replicate' | 'promote' | 'power_cut' | 'lie' | 'new_database' }
  | { readonly do: 'clock'; readonly host: 'file' | 'other'; readonly by: number }

export const describeAction = (action: Action): string => Object.values(action).join(' ')

const find = (world: World, name: string): Actor =>
  world.actors.find((actor) => actor.name === name) as Actor

export const isRunning = ({ alive, frozen }: Actor): boolean => alive && !frozen

/** Carries out one action. Everything that decides is a step function of the protocol. */
export function act(world: World, protocol: Protocol, action: Action): void {
  if (isDisturbance(action)) return disturb(world, action)
  switch (action.do) {
    case 'renewal':
    case 'writer':
    case 'command':
    case 'write':
      return runEffect(world, protocol, action)
    case 'renew': {
      const actor = find(world, action.actor)
      if (actor.instance === null) return
      const at = protocol.readClock(world, actor)
      const event = { type: 'renew', at, leaseMs: world.leaseMs } as const
      const [instance, effects] = protocol.stepInstance(actor.instance, event)
      actor.instance = instance
      actor.renewals = effects
      return
    }
    case 'look':
      return lookAround(world, protocol, find(world, action.actor))
    case 'apply':
      return apply(world, find(world, action.actor))
    case 'read':
      return serve(world, protocol, find(world, action.actor))
    case 'begin': {
      const op = `w${world.nextOp++}`
      return beginWrite(world, protocol, { actor: find(world, action.actor), op })
    }
    case 'handed':
      return runHanded(world, protocol, { actor: find(world, action.actor), at: action.at })
    case 'writer_gone':
      return tellHanded(world, protocol, { ...action, event: { type: 'writer_gone' } })
    case 'handed_late':
      return tellHanded(world, protocol, { ...action, event: { type: 'late' } })
    case 'late':
      return tell(world, protocol, { ...action, event: { type: 'late' } })
    case 'bound':
      return endCommandEffect(protocol, find(world, action.actor))
    case 'advance':
    case 'rollback':
      return startCommand(world, protocol, action)
    case 'drill':
      return beginDrill(world, protocol)
    case 'return':
      return goBack(world, protocol, find(world, action.actor))
    case 'lose':
      return startLosing(world, protocol, action.lost)
    case 'floating':
      return land(world, protocol, action)
    case 'tick':
      world.now += 1
      for (const actor of world.actors) {
        observe(world, actor)
        observeDrill(world, protocol, actor)
      }
  }
}

const DISTURBANCES: Readonly<Record<Disturbance['do'], true>> = {
  kill: true,
  restart: true,
  freeze: true,
  thaw: true,
  end_session: true,
  cut: true,
  clock: true,
  replicate: true,
  promote: true,
  power_cut: true,
  lie: true,
  new_database: true,
}
const isDisturbance = (action: Action): action is Disturbance => action.do in DISTURBANCES

function disturb(world: World, action: Disturbance): void {
  const { db, file } = world
  switch (action.do) {
    case 'kill':
      return crash(world, find(world, action.actor))
    case 'restart': {
      const at = world.actors.findIndex(({ name }) => name === action.actor)
      world.actors[at] = startActor(world, action.actor)
      observe(world, world.actors[at])
      return
    }
    case 'freeze':
    case 'thaw':
      find(world, action.actor).frozen = action.do === 'freeze'
      return
    case 'end_session':
      db.shared = db.shared.filter((one) => one !== action.session)
      if (db.exclusive === action.session) db.exclusive = null
      return
    case 'cut':
      world.cut[action.link] = action.on
      return
    case 'clock':
      world.wall[action.host] += action.by
      return
    case 'replicate': {
      const { record, log, publication, registrations } = db
      db.standby = { record, log, publication, registrations }
      return
    }
    case 'promote': {
      // Postgres's replication promises what is acknowledged, and decided, once the database is alone.
      const { standby } = db
      // One loss at a time: while the file lacks what its disk has lost, the database loses nothing.
      const promised =
        file.vouched === null ||
        db.record?.phase === 'complete' ||
        file.record.phase === 'complete' ||
        standby?.record?.phase === 'complete' ||
        world.promises.some(({ alone, seq }) => alone && seq > (standby?.log.length ?? 0))
      if (!promised && standby !== null) {
        if (standby.log.length < db.log.length) world.tailLost = true
        Object.assign(db, standby)
        forgetDecision(world)
      }
      Object.assign(db, { server: `${db.server}+`, exclusive: null, shared: [], standby: null })
      return
    }
    case 'power_cut':
      for (const actor of world.actors) if (actor.onFileHost && actor.alive) crash(world, actor)
      // What was on its way to the disk ends with the host.
      world.floating = world.floating.filter(({ effect }) => !writesFile(effect))
      // Nor does the disk lose what a promotion has lost.
      if (file.lies && db.log.length < readChain(file).length) flush(world)
      if (file.lies) world.tailLost = true
      file.segments = file.segments.map((one) => ({
        ...one,
        lines: one.lines.slice(0, one.durable),
      }))
      file.announced = readChain(file).length
      file.lies = false
      file.vouched = null
      return
    case 'lie':
      // Where the file is alone, nothing can make up for it.
      file.lies = PHASE_RULES[file.record.phase].second !== null
      return
    case 'new_database':
      Object.assign(db, {
        server: `${db.server}n`,
        identity: `${db.identity}n`,
        record: null,
        log: [],
        publication: null,
        registrations: [],
        exclusive: null,
        shared: [],
        standby: null,
      })
  }
}

const writesFile = (effect: Floating['effect']): boolean =>
  effect.do === 'append_file' || (effect.do === 'copy' && effect.side === 'file')

/**
 * A decision that a promotion takes away before the file has it was not taken: without a publication under it no instance
 * acts on it.
 */
function forgetDecision(world: World): void {
  const truth = findTruth(world)
  if (truth.epoch < world.decided.epoch) world.decided = truth
}

/** Notes renewals, as each process that watches does all the time. */
function observe(world: World, actor: Actor): void {
  if (!isRunning(actor)) return
  const { file, db } = world
  const known = reachesDatabase(world, actor)
    ? [...(actor.onFileHost ? file.registrations : []), ...db.registrations]
    : file.registrations
  actor.watch = watchLeases(actor.watch, known, world.now)
}

/** The writer counts the time of a drill; the database's clock is the true time here. */
function observeDrill(world: World, protocol: Protocol, actor: Actor): void {
  const { file, now: at } = world
  const isWriter = file.lock === actor.id && actor.instance !== null && isRunning(actor)
  const clocks = { databaseMs: reachesDatabase(world, actor) ? at : null, at }
  actor.drill = isWriter ? protocol.watchDrill(actor.drill, file.record, clocks) : null
}

/** Carries out the next effect of a machine, with an outcome. */
function runEffect(world: World, protocol: Protocol, action: EffectAction): void {
  const actor = find(world, action.actor)
  const { outcome } = action
  const takesPlace = outcome === 'ok' || outcome === 'unanswered' || outcome === 'killed_after'
  if (outcome === 'killed_during' || outcome === 'delayed') keepFloating(world, actor, action)
  if (action.do === 'renewal') {
    const [effect, ...rest] = actor.renewals
    actor.renewals = rest
    if (effect === undefined) return
    const before = actor.instance
    if (takesPlace) renew(world, protocol, { actor, effect })
    if (outcome !== 'ok') actor.instance = before
  } else if (action.do === 'writer') {
    const effect = actor.writing
    actor.writing = null
    if (effect !== null && takesPlace) runWriter(world, protocol, { actor, effect, late: false })
  } else if (action.do === 'write') {
    runNextWrite(world, protocol, { actor, at: action.at, outcome, takesPlace })
  } else {
    runCommand(world, protocol, { actor, outcome, takesPlace })
  }
  if (outcome.startsWith('killed')) {
    const now = world.actors.find(({ id }) => id === actor.id)
    if (now?.alive === true) crash(world, now)
  }
}

function keepFloating(world: World, actor: Actor, action: EffectAction): void {
  const { command } = actor
  const effect =
    action.do === 'write'
      ? actor.writes[action.at]?.queue[0]
      : action.do === 'writer'
        ? actor.writing
        : command?.kind === 'switch'
          ? command.effect
          : null
  const write = action.do === 'write' ? actor.writes[action.at] : undefined
  const session = write === undefined ? actor.id : toSession(actor, write)
  if (effect !== null && effect !== undefined)
    world.floating = [...world.floating, { actor: { ...actor }, effect, session }]
}

/** What was under way when its process ended takes place, or is dropped. */
function land(
  world: World,
  protocol: Protocol,
  { at, drop }: Extract<Action, { do: 'floating' }>,
): void {
  const one = world.floating[at]
  world.floating = world.floating.filter((_, index) => index !== at)
  if (one === undefined || drop) return
  const { actor, effect, session } = one
  const late = true
  if (effect.do === 'append_file' || effect.do === 'commit_database')
    runWrite(world, protocol, { actor, effect, session, late })
  else if (effect.do === 'copy' || effect.do === 'publish')
    runWriter(world, protocol, { actor, effect, late })
  else if (effect.do === 'decide' || effect.do === 'leave_mirror')
    runSwitch(world, protocol, { actor, effect, late })
  // The file's copy is written by the process itself: it does not outlive it.
  else if (effect.do === 'write_record' && effect.side === 'database')
    runSwitch(world, protocol, { actor, effect, late })
}

function lookAround(world: World, protocol: Protocol, actor: Actor): void {
  // A command looks as long as it runs.
  if (actor.instance === null && actor.command === null) return
  observe(world, actor)
  const view = look(world, protocol, actor)
  const [writer, effect] = protocol.stepWriter(actor.writer, view)
  actor.writer = writer
  actor.writing = effect
  // The file lacks nothing: not before a mirror has caught up.
  const heads = view.database?.heads
  const lacksNothing = heads !== undefined && heads.file.seq >= heads.database.seq
  if (writer.compared !== null && lacksNothing) world.file.vouched ??= view.head.seq
}

/** A follower applies what is announced, and answers the clients whose writes it has handed over. */
function apply(world: World, actor: Actor): void {
  actor.applied = world.file.announced
}

export const toSession = (actor: Actor, { state }: WriteAtActor): string =>
  `${actor.id}:${state.op}`

function beginWrite(
  world: World,
  protocol: Protocol,
  { actor, op }: { actor: Actor; op: string },
): void {
  const record = actor.instance?.record ?? null
  if (record === null) return
  const { refusal } = viewWrite(world, protocol, actor) ?? { refusal: 'no_record' }
  if (refusal === 'not_writer') {
    const [state, effect] = protocol.startHandedWrite(op)
    actor.handed = [...actor.handed, { state, effect, to: null }]
    return
  }
  // Another refusal is an answer at once.
  if (refusal !== null) return
  const state = startWrite({ op, digest: op }, record)
  actor.writes = [...actor.writes, { state, queue: [], via: null }]
}

/** The instance that holds the file's lock and can be asked; null without one. */
export function findWriter(world: World): Actor | null {
  const holder = world.actors.find(({ id }) => id === world.file.lock)
  return holder?.instance?.record != null && isRunning(holder) ? holder : null
}

interface NextHanded {
  readonly actor: Actor
  readonly at: number
}
/** The next effect of a write that a follower has handed over. */
function runHanded(world: World, protocol: Protocol, { actor, at }: NextHanded): void {
  const handed = actor.handed[at]
  if (handed?.effect == null) return
  const { effect } = handed
  if (effect.do === 'hand_over') {
    const writer = findWriter(world)
    const record = writer?.instance?.record
    if (writer === null || record == null) return
    const state = startWrite({ op: effect.op, digest: effect.op }, record)
    writer.writes = [...writer.writes, { state, queue: [], via: actor.id }]
    replaceHanded(actor, at, { ...handed, effect: null, to: writer.id })
  } else if (effect.do === 'await_applied') {
    actor.applied = Math.max(actor.applied, world.file.announced)
    tellHanded(world, protocol, {
      actor: actor.name,
      at,
      event: { type: 'applied', seq: actor.applied },
    })
  } else {
    const { answer } = effect
    const record = actor.instance?.record
    if (record != null) acknowledge(world, protocol, { actor, op: handed.state.op, record, answer })
    actor.handed = actor.handed.filter((_, index) => index !== at)
  }
}

function replaceHanded(actor: Actor, at: number, handed: WriteAtFollower): void {
  actor.handed = actor.handed.map((one, index) => (index === at ? handed : one))
}

function tellHanded(
  world: World,
  protocol: Protocol,
  { actor: name, at, event }: { actor: string; at: number; event: HandedEvent },
): void {
  const actor = find(world, name)
  const handed = actor.handed[at]
  if (handed === undefined) return
  const [state, effect] = protocol.stepHandedWrite(handed.state, event)
  replaceHanded(actor, at, { state, effect: effect ?? handed.effect, to: handed.to })
}

/** The writer's answer goes to the client, or to the follower that has handed the write over. */
function deliver(
  world: World,
  protocol: Protocol,
  given: GivenAnswer & { via: string | null },
): void {
  const { via, op, answer } = given
  checkSecond(world, protocol, given)
  if (via === null) return acknowledge(world, protocol, given)
  const follower = world.actors.find(({ id }) => id === via)
  const at = follower?.handed.findIndex(({ state }) => state.op === op) ?? -1
  if (follower !== undefined && at >= 0)
    tellHanded(world, protocol, { actor: follower.name, at, event: { type: 'answered', answer } })
}

/** Whether a write that has not begun, or has to begin again, may. */
export function mayBegin(world: World, protocol: Protocol, actor: Actor): boolean {
  return viewWrite(world, protocol, actor)?.refusal === null
}

interface NextWrite {
  readonly actor: Actor
  readonly at: number
  readonly outcome: Outcome
  readonly takesPlace: boolean
}
function runNextWrite(world: World, protocol: Protocol, next: NextWrite): void {
  const { actor, at, outcome, takesPlace } = next
  const write = actor.writes[at]
  if (write === undefined) return
  const [effect, ...queue] = write.queue
  if (effect === undefined) {
    const view = viewWrite(world, protocol, actor)
    if (view !== null)
      tell(world, protocol, { actor: actor.name, at, event: { type: 'begin', view } })
    return
  }
  const session = toSession(actor, write)
  let event: WriteEvent | 'ended' | null = { type: 'failed' }
  if (takesPlace) event = runWrite(world, protocol, { actor, effect, session, late: false })
  if (event === null || isIdle(protocol, write, event)) return
  if (outcome === 'unanswered' || outcome === 'delayed') event = { type: 'unknown' }
  replaceWrite(actor, at, { ...write, queue })
  if (effect.do === 'answer' && outcome === 'ok') {
    const { op, record } = write.state
    deliver(world, protocol, { actor, op, record, answer: effect.answer, via: write.via })
  }
  if (event !== 'ended' && outcome !== 'killed_after')
    tell(world, protocol, { actor: actor.name, at, event })
  dropAnswered(actor, at)
}

/** Whether the wait goes on after an event: it was told of a record that changes nothing. */
export const isIdle = (
  protocol: Protocol,
  { state }: WriteAtActor,
  event: WriteEvent | 'ended',
): boolean =>
  event !== 'ended' && event.type === 'moved' && protocol.stepWrite(state, event)[0] === state

function tell(
  world: World,
  protocol: Protocol,
  { actor: name, at, event }: { actor: string; at: number; event: WriteEvent },
): void {
  const actor = find(world, name)
  const write = actor.writes[at]
  if (write === undefined) return
  const [state, effects] = protocol.stepWrite(write.state, event)
  const waits: readonly WriteEffect['do'][] = ['await_copy', 'await_publication', 'lock_shared']
  // An answer ends what only waited.
  const queue =
    event.type === 'late' ? write.queue.filter((one) => !waits.includes(one.do)) : write.queue
  replaceWrite(actor, at, { ...write, state, queue: [...queue, ...effects] })
  dropAnswered(actor, at)
}

function replaceWrite(actor: Actor, at: number, write: WriteAtActor): void {
  actor.writes = actor.writes.map((one, index) => (index === at ? write : one))
}

function dropAnswered(actor: Actor, at: number): void {
  const write = actor.writes[at]
  if (write?.state.stage === 'answered' && write.queue.length === 0)
    actor.writes = actor.writes.filter((_, index) => index !== at)
}

function startCommand(
  world: World,
  protocol: Protocol,
  { do: kind, goal }: Extract<Action, { do: 'advance' | 'rollback' }>,
): void {
  const standing = chooseRecord(world.file.record, world.db.record)
  startSwitching(world, protocol, {
    goal,
    raisesAttempt: kind === 'rollback',
    gatedAttempt: kind === 'advance' ? standing.attempt : null,
    database: world.db.identity,
    drillEndsAt: null,
    endsDrill: false,
  })
}

/** Of a drill, in ticks. */
const DRILL_TICKS = 2

function beginDrill(world: World, protocol: Protocol): void {
  const { record } = world.file
  if (record.phase !== 'shadow_read') return
  startSwitching(world, protocol, {
    goal: 'db_authoritative',
    raisesAttempt: false,
    gatedAttempt: record.attempt,
    database: world.db.identity,
    drillEndsAt: world.now + DRILL_TICKS,
    endsDrill: false,
  })
}

/** One command moves the cutover at a time, also where it is frozen. */
const isMoved = ({ actors }: World): boolean =>
  actors.some(({ name, command }) => name !== 'k' && command !== null)

function startSwitching(world: World, protocol: Protocol, command: SwitchCommand): void {
  if (isMoved(world)) return
  if (!find(world, 'k').alive) disturb(world, { do: 'restart', actor: 'k' })
  const coordinator = find(world, 'k')
  const [state, effect] = protocol.startSwitch(command, world.file.record)
  coordinator.command = { kind: 'switch', state, effect }
  observe(world, coordinator)
}

/** Whether the writer begins a try of a drill's way back: one a tick. */
export function mayReturn(world: World, protocol: Protocol, actor: Actor): boolean {
  return (
    world.file.lock === actor.id &&
    actor.instance !== null &&
    actor.returnedAt < world.now &&
    world.file.record.drillEndsAt !== null &&
    protocol.isDrillOver(actor.drill, world.now) &&
    reachesDatabase(world, actor) &&
    world.actors.every(({ command }) => command === null)
  )
}

function goBack(world: World, protocol: Protocol, actor: Actor): void {
  actor.returnedAt = world.now
  const [state, effect] = protocol.startSwitch(protocol.drillReturn, world.file.record)
  actor.command = { kind: 'switch', state, effect }
}

function startLosing(world: World, protocol: Protocol, lost: LostSide): void {
  if (isMoved(world)) return
  const actor = find(world, 'k')
  if (!actor.alive) disturb(world, { do: 'restart', actor: 'k' })
  const coordinator = find(world, 'k')
  const record = lost === 'file_lost' ? world.db.record : world.file.record
  if (record === null) return
  const start = { lost, record, intent: lost === 'file_lost' ? null : world.file.intent }
  if (refuseLoss(start, false) !== null) return
  // What the file's disk has lost is in the database alone: both cannot be given up.
  if (lost === 'database_lost' && world.file.vouched === null) return
  const [state, effect] = protocol.startLoss(start)
  coordinator.command = { kind: 'loss', state, effect, startedAt: world.now }
}

function runCommand(
  world: World,
  protocol: Protocol,
  { actor, outcome, takesPlace }: Omit<NextWrite, 'at'>,
): void {
  const { command } = actor
  if (command === null) return
  if (command.effect === null) return endCommand(world, actor)
  if (command.kind === 'loss') {
    const { effect, startedAt } = command
    const done = takesPlace ? runLoss(world, protocol, { actor, effect, startedAt }) : false
    if (done === null) return
    if (done && effect.do === 'write_record') {
      world.lossTaken = true
      world.tailLost = true
      // What was never acknowledged may be undone.
      for (const one of world.actors) one.served = one.acknowledged
    }
    const [state, next] = protocol.stepLoss(
      command.state,
      done && outcome === 'ok' ? 'done' : 'failed',
    )
    actor.command = { ...command, state, effect: next }
    return
  }
  let event: SwitchEvent | null = { type: 'failed' }
  if (takesPlace) event = runSwitch(world, protocol, { actor, effect: command.effect, late: false })
  if (event === null) return
  if (outcome === 'unanswered' || outcome === 'delayed') event = { type: 'unknown' }
  const [state, effect] = protocol.stepSwitch(command.state, event)
  actor.command = { kind: 'switch', state, effect }
}

/** A wait of a command has passed its bound. */
function endCommandEffect(protocol: Protocol, actor: Actor): void {
  const { command } = actor
  if (command?.kind !== 'switch') return
  const [state, effect] = protocol.stepSwitch(command.state, { type: 'failed' })
  actor.command = { kind: 'switch', state, effect }
}

/** The process of a command ends: so do its lock and its session. */
function endCommand(world: World, actor: Actor): void {
  world.ended = actor.command?.kind === 'switch' ? actor.command.state.stage : 'loss'
  actor.command = null
  if (world.db.exclusive === actor.id) world.db.exclusive = null
  // An instance goes on, and keeps what it holds.
  if (actor.instance !== null) return
  if (world.file.lock === actor.id) world.file.lock = null
  actor.writer = IDLE_WRITER
  actor.writing = null
}
