import { CUTOVER_PHASES } from '../../src/core/cutover/phases.ts'
import { act, type Action, describeAction, isRunning } from './actions.ts'
import { listProgress } from './enabled.ts'
import { findHeads, findTruth } from './execute.ts'
import { checkWorld, serve } from './invariants.ts'
import { listDeadSessions } from './model.ts'
import type { Protocol } from './protocol.ts'
import { readChain, type World } from './world.ts'

/** Ends every disturbance: all that is broken comes back, and what was under way arrives. */
function repair(world: World, protocol: Protocol): void {
  const actions: Action[] = [
    { do: 'cut', link: 'file', on: false },
    { do: 'cut', link: 'other', on: false },
  ]
  world.floating.forEach(() => actions.push({ do: 'floating', at: 0, drop: false }))
  for (const actor of world.actors) {
    if (actor.frozen) actions.push({ do: 'thaw', actor: actor.name })
    if (!actor.alive) actions.push({ do: 'restart', actor: actor.name })
  }
  for (const action of actions) act(world, protocol, action)
  world.db.up = true
  world.file.lies = false
}

/** Lets everything run until nothing is left to do; time passes where only time helps. */
function settle(world: World, protocol: Protocol, ticks: number): boolean {
  let left = ticks
  for (let rounds = 0; rounds < ROUNDS; rounds++) {
    for (const session of listDeadSessions(world))
      act(world, protocol, { do: 'end_session', session })
    const progress = listProgress(world, protocol)
    for (const action of progress) run(world, protocol, action)
    if (world.violation !== null) return false
    if (progress.length > 0) continue
    const waits = world.actors.some(
      ({ command, writes, handed }) =>
        command !== null || handed.length > 0 || writes.some(({ state }) => state.stage !== 'new'),
    )
    if (!waits && world.file.record.drillEndsAt === null) return true
    if (left-- === 0) return false
    run(world, protocol, { do: 'tick' })
    // Each write has a bound.
    if (left < ticks / 2)
      for (const { name, writes, handed } of world.actors) {
        writes.forEach((_, at) => run(world, protocol, { do: 'late', actor: name, at }))
        handed.forEach((_, at) => run(world, protocol, { do: 'handed_late', actor: name, at }))
      }
  }
  return false
}

/** Of everything that may go on at once: a protocol that has more to do never comes to rest. */
const ROUNDS = 300

function run(world: World, protocol: Protocol, action: Action): void {
  act(world, protocol, action)
  checkWorld(world, protocol)
  for (const actor of world.actors) if (isRunning(actor)) serve(world, protocol, actor)
}

/** Commands that an operator repeats before giving up. */
const TRIES = 8

/**
 * Recovery ends with both sides equal, and `rollback` leads back to `file` with every acknowledged write: repairs the
 * world, lets it come to rest, and gives the command. Notes a violation where that does not hold.
 */
export function heal(world: World, protocol: Protocol): void {
  repair(world, protocol)
  const isQuiet = settle(world, protocol, 12)
  if (world.violation !== null) return
  if (world.halted !== null) world.violation = `halted: ${world.halted}`
  else if (!isQuiet && findTruth(world).drillEndsAt === null)
    world.violation = `stuck: ${describeWaiting(world, protocol)}`
  else if (findTruth(world).drillEndsAt !== null)
    world.violation = `drill: it does not end, ${describeWaiting(world, protocol)}`
  else if (!areEqual(world))
    world.violation = `unequal: the sides differ, ${describeWaiting(world, protocol)}`
  for (let tries = 0; tries < TRIES && world.violation === null; tries++) {
    if (findTruth(world).phase === 'file' && world.file.record.phase === 'file') break
    act(world, protocol, { do: 'rollback', goal: CUTOVER_PHASES[0] })
    settle(world, protocol, 12)
    if (tries === TRIES - 1)
      world.violation ??= `no way out: ${world.ended}, ${describeWaiting(world, protocol)}`
  }
  if (world.violation === null) checkFile(world)
}

function areEqual(world: World): boolean {
  const truth = findTruth(world)
  if (truth.phase === 'file' || truth.phase === 'complete') return true
  const { file, database } = findHeads(readChain(world.file), world.db.log)
  return file.hash === database.hash
}

function checkFile(world: World): void {
  const chain = readChain(world.file)
  for (const { op, seq, hash, kind } of world.promises)
    if ((kind === 'acknowledged' || !world.tailLost) && chain[seq - 1]?.hash !== hash)
      world.violation = `lost: ${op} was ${kind} and is not in the file after rollback`
}

function describeWaiting(world: World, protocol: Protocol): string {
  const waiting = world.actors.flatMap(({ name, command, writes, handed }) => [
    ...handed.map(({ state, effect }) => `${name} ${state.op} handed ${effect?.do ?? state.stage}`),
    ...(command === null ? [] : [`${name} ${command.effect?.do ?? 'ends'}`]),
    ...writes.map(({ state }) => `${name} ${state.op} ${state.stage}`),
  ])
  const { record, lock } = world.file
  const { file, database: db } = findHeads(readChain(world.file), world.db.log)
  const place = `${record.phase} ${record.epoch}, lock ${lock}, file${file.hash}, database${db.hash}`
  const database = `${world.db.record?.phase} ${world.db.record?.epoch}`
  return [place, database, ...waiting, ...listProgress(world, protocol).map(describeAction)].join(
    ', ',
  )
}
