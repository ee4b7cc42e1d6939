import { CUTOVER_PHASES, PHASE_RULES } from '../../src/core/cutover/phases.ts'
import type { LossEffect } from '../../src/core/cutover/loss.ts'
import type { SwitchEffect } from '../../src/core/cutover/switch.ts'
import {
  type Action,
  findWriter,
  isIdle,
  isRunning,
  mayBegin,
  mayReturn,
  type Outcome,
} from './actions.ts'
import { answersAsWriter, isCompared, look, runWrite } from './execute.ts'
import type { Protocol } from './protocol.ts'
import { type Actor, reachesDatabase, readChain, type World, type WriteAtActor } from './world.ts'

/** Everything that a sound environment may do next, without the passing of time. */
export function listProgress(world: World, protocol: Protocol): Action[] {
  const actions: Action[] = []
  for (const actor of world.actors)
    if (isRunning(actor)) addProgress(world, protocol, { actor, actions })
  return actions
}

interface Adding {
  readonly actor: Actor
  readonly actions: Action[]
}

function addProgress(world: World, protocol: Protocol, { actor, actions }: Adding): void {
  const { name } = actor
  if (actor.renewals.length > 0) actions.push({ do: 'renewal', actor: name, outcome: 'ok' })
  else if (isRenewalDue(world, protocol, actor)) actions.push({ do: 'renew', actor: name })
  actor.writes.forEach((write, at) => {
    const [effect] = write.queue
    const goes =
      effect === undefined
        ? write.state.stage === 'new' && mayBegin(world, protocol, actor)
        : mayEndWrite(world, protocol, { actor, write })
    if (goes) actions.push({ do: 'write', actor: name, at, outcome: 'ok' })
  })
  actor.handed.forEach(({ effect, to }, at) => {
    const waits =
      (effect?.do === 'hand_over' && findWriter(world) === null) ||
      (effect?.do === 'await_applied' && world.file.announced < effect.seq)
    if (effect !== null && !waits) actions.push({ do: 'handed', actor: name, at })
    const isGone = to !== null && !world.actors.some((one) => one.id === to && one.alive)
    if (effect === null && isGone) actions.push({ do: 'writer_gone', actor: name, at })
  })
  const { command } = actor
  if (command !== null) {
    const { effect } = command
    const ends =
      effect === null ||
      (command.kind === 'loss'
        ? mayEndLoss(world, effect as LossEffect, command.startedAt)
        : mayEndSwitch(world, protocol, { actor, effect: effect as SwitchEffect }))
    if (ends) actions.push({ do: 'command', actor: name, outcome: 'ok' })
  }
  if (!actor.onFileHost) return
  if (mayReturn(world, protocol, actor)) actions.push({ do: 'return', actor: name })
  if (actor.writing !== null) actions.push({ do: 'writer', actor: name, outcome: 'ok' })
  else if (mayLook(world, protocol, actor)) actions.push({ do: 'look', actor: name })
  if (actor.instance !== null && actor.applied < world.file.announced)
    actions.push({ do: 'apply', actor: name })
}

function isRenewalDue(world: World, protocol: Protocol, actor: Actor): boolean {
  const { instance } = actor
  if (instance === null) return false
  const { file, db } = world
  const at = protocol.readClock(world, actor)
  if ((instance.sent.at(-1)?.at ?? -1) !== at) return true
  if (actor.onFileHost && (file.record !== instance.record || file.intent !== instance.intent))
    return true
  if (!reachesDatabase(world, actor)) return false
  const isNew = !actor.onFileHost && db.record !== null && db.record !== instance.record
  if (isNew) return (instance.record?.epoch ?? 0) < (db.record?.epoch ?? 0)
  // A new counter of its own would be published, and read again: only time brings that one.
  const { publication } = db
  return (
    publication?.epoch !== instance.publication?.epoch ||
    publication?.server !== instance.publication?.server
  )
}

/** Whether the writer would do something: it looks all the time, and only what comes of it counts. */
function mayLook(world: World, protocol: Protocol, actor: Actor): boolean {
  if (actor.instance === null && !actsAsWriter(world, actor)) return false
  if (world.halted !== null) return false
  const [next, effect] = protocol.stepWriter(actor.writer, look(world, protocol, actor))
  const { writer } = actor
  return (
    effect !== null ||
    next.term !== writer.term ||
    next.copied !== writer.copied ||
    next.compared?.epoch !== writer.compared?.epoch ||
    next.compared?.server !== writer.compared?.server
  )
}

/** A command that moves the cutover acts as the writer where no instance can. */
const actsAsWriter = (world: World, actor: Actor): boolean =>
  actor.command?.kind === 'switch' &&
  (world.file.lock === actor.id ||
    !world.actors.some((one) => one.instance !== null && one.onFileHost && isRunning(one)))

export function mayEndWrite(
  world: World,
  protocol: Protocol,
  { actor, write }: { actor: Actor; write: WriteAtActor },
): boolean {
  const { db } = world
  const [effect] = write.queue
  if (effect?.do === 'lock_shared') return !reachesDatabase(world, actor) || db.exclusive === null
  if (effect?.do !== 'await_copy' && effect?.do !== 'await_publication') return true
  // A wait changes nothing by itself.
  const event = runWrite(world, protocol, { actor, effect, session: '', late: false })
  return event !== null && !isIdle(protocol, write, event)
}

export function mayEndSwitch(
  world: World,
  protocol: Protocol,
  { actor, effect }: { actor: Actor; effect: SwitchEffect },
): boolean {
  const { file, db } = world
  const reaches = reachesDatabase(world, actor)
  if (effect.do === 'await_held') {
    const known = reaches ? [...file.registrations, ...db.registrations] : file.registrations
    const scope = { epoch: effect.epoch, at: world.now, leaseMs: world.leaseMs }
    return protocol.listOldHolders(actor.watch, known, scope).length === 0
  }
  if (effect.do === 'await_compared') return !reaches || isCompared(world)
  if (effect.do === 'await_writer') return answersAsWriter(world, actor)
  if (effect.do === 'lock_exclusive')
    return (
      !reaches || db.exclusive === actor.id || (db.exclusive === null && db.shared.length === 0)
    )
  if (effect.do !== 'await_caught_up' || !reaches) return true
  const chain = readChain(file, protocol.fencesSegments(file)).length
  return PHASE_RULES[file.record.phase].authority === 'file'
    ? db.log.length >= chain
    : chain >= db.log.length
}

const mayEndLoss = (world: World, effect: LossEffect, startedAt: number): boolean =>
  effect.do !== 'await_lease' || world.now > startedAt + world.leaseMs

/** What a fault may make of an effect: only one that leaves the process can be lost on the way. */
export function listOutcomes(world: World, action: Action): readonly Outcome[] {
  if (!('outcome' in action)) return []
  const actor = world.actors.find(({ name }) => name === action.actor)
  const effect =
    action.do === 'write'
      ? actor?.writes[action.at]?.queue[0]?.do
      : action.do === 'writer'
        ? actor?.writing?.do
        : action.do === 'command'
          ? actor?.command?.effect?.do
          : undefined
  if (effect === undefined) return []
  const kills: readonly Outcome[] = ['killed_before', 'killed_after']
  const side =
    action.do === 'write' || action.do === 'writer'
      ? FLOATING.has(effect)
      : effect === 'decide' || effect === 'leave_mirror' || effect === 'write_record'
  const during: readonly Outcome[] = side ? ['killed_during'] : []
  const network: readonly Outcome[] = NETWORK.has(effect) ? ['lost', 'unanswered'] : []
  const delayed: readonly Outcome[] = side && NETWORK.has(effect) ? ['delayed'] : []
  return [...kills, ...during, ...network, ...delayed]
}

const FLOATING = new Set<string>(['append_file', 'commit_database', 'copy', 'publish'])
const NETWORK = new Set<string>([
  'lock_shared',
  'commit_database',
  'copy',
  'publish',
  'decide',
  'leave_mirror',
  'write_record',
  'lock_exclusive',
  'read_records',
])

/** The commands that an operator may give now, where none runs. */
export function listCommands(world: World): Action[] {
  const coordinator = world.actors.find(({ name }) => name === 'k')
  if (coordinator === undefined || coordinator.command !== null || coordinator.frozen) return []
  const at = CUTOVER_PHASES.indexOf(world.file.record.phase)
  const forth = CUTOVER_PHASES[at + 1]
  const back = CUTOVER_PHASES[at - 1]
  return [
    ...(forth === undefined ? [] : [{ do: 'advance', goal: forth } as const]),
    ...(back === undefined ? [] : [{ do: 'rollback', goal: back } as const]),
  ]
}
