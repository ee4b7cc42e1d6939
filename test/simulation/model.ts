import { act, type Action, describeAction, isRunning, toSession } from './actions.ts'
import { listOutcomes, listProgress } from './enabled.ts'
import { checkWorld, serve } from './invariants.ts'
import type { Protocol } from './protocol.ts'
import { copyWorld, createWorld, reachesDatabase, type World, type WorldOptions } from './world.ts'

/** How often each thing that is no progress of the protocol may happen in one run. */
export interface Budget {
  readonly ticks: number
  readonly writes: number
  /** Kills, lost messages and answers, cut links, promotions, frozen processes. */
  readonly faults: number
}

/** One corner of the state space: where it begins, and the one command that is given. */
export interface Scenario {
  readonly name: string
  readonly world: WorldOptions
  readonly command: Action
  readonly budget: Budget
}

interface Node {
  readonly world: World
  readonly budget: Budget
  readonly commanded: boolean
  readonly parent: Node | null
  readonly action: string
}

export interface Exploration {
  readonly states: number
  /** The number of steps within which every run was explored. */
  readonly depth: number
  /** Whether no state is left unexplored: the budgets end every run. */
  readonly complete: boolean
  readonly violation: string | null
  /** The shortest run to the violation. */
  readonly trace: readonly string[]
}

/** Explores every interleaving, breadth first, until a violation, a depth, or a number of states. */
export function explore(
  scenario: Scenario,
  protocol: Protocol,
  limit: { readonly depth: number; readonly states: number; readonly until?: () => boolean },
): Exploration {
  const start = prepare(createWorld(scenario.world), protocol)
  const { budget } = scenario
  let layer: Node[] = [{ world: start, budget, commanded: false, parent: null, action: '' }]
  const seen = new Set<number>([fingerprint(layer[0] as Node)])
  for (let depth = 0; ; depth++) {
    if (layer.length === 0) return end(seen, { depth, complete: true })
    if (depth === limit.depth) return end(seen, { depth, complete: false })
    const next: Node[] = []
    for (const node of layer) {
      for (const [action, left] of listSteps(node, protocol, scenario)) {
        const child = step(node, protocol, { action, left })
        if (child.world.violation !== null)
          return { ...end(seen, { depth: depth + 1, complete: false }), ...describe(child) }
        const mark = fingerprint(child)
        if (seen.has(mark)) continue
        seen.add(mark)
        next.push(child)
      }
      if (seen.size > limit.states || limit.until?.() === true)
        return end(seen, { depth, complete: false })
    }
    layer = next
  }
}

const end = (
  seen: ReadonlySet<number>,
  { depth, complete }: { depth: number; complete: boolean },
): Exploration => ({ states: seen.size, depth, complete, violation: null, trace: [] })

function describe(node: Node): Pick<Exploration, 'violation' | 'trace'> {
  const trace: string[] = []
  for (let at: Node | null = node; at !== null && at.action !== ''; at = at.parent)
    trace.unshift(at.action)
  return { violation: node.world.violation, trace }
}

/** Lets a world come to rest: instances register, one takes the lock, the heads are compared. */
export function prepare(world: World, protocol: Protocol): World {
  for (let round = 0; round < 500; round++) {
    const [action] = listProgress(world, protocol)
    if (action === undefined) return world
    act(world, protocol, action)
  }
  throw new Error('the world does not come to rest')
}

function step(
  node: Node,
  protocol: Protocol,
  { action, left }: { action: Action; left: Budget },
): Node {
  const world = copyWorld(node.world)
  act(world, protocol, action)
  // Here a renewal is one step; the simulation splits it.
  if (action.do === 'renew')
    for (let at = 0; at < 2; at++)
      act(world, protocol, { do: 'renewal', actor: action.actor, outcome: 'ok' })
  checkWorld(world, protocol)
  // Clients ask every instance all the time.
  for (const actor of world.actors) if (isRunning(actor)) serve(world, protocol, actor)
  const commanded = node.commanded || ['advance', 'rollback', 'drill', 'lose'].includes(action.do)
  return { world, budget: left, commanded, parent: node, action: describeAction(action) }
}

function listSteps(
  { world, budget, commanded }: Node,
  protocol: Protocol,
  scenario: Scenario,
): (readonly [Action, Budget])[] {
  const progress = listProgress(world, protocol)
  const steps: (readonly [Action, Budget])[] = progress.map((action) => [action, budget])
  if (!commanded) steps.push([scenario.command, budget])
  if (budget.ticks > 0) steps.push([{ do: 'tick' }, { ...budget, ticks: budget.ticks - 1 }])
  const write = { ...budget, writes: budget.writes - 1 }
  for (const actor of world.actors) {
    if (!isRunning(actor)) continue
    if (budget.writes > 0 && actor.instance?.record?.phase !== undefined)
      steps.push([{ do: 'begin', actor: actor.name }, write])
    actor.writes.forEach(({ state }, at) => {
      if (state.stage === 'second' || state.stage === 'locking' || state.stage === 'authority')
        if (budget.ticks > 0)
          steps.push([
            { do: 'late', actor: actor.name, at },
            { ...budget, ticks: budget.ticks - 1 },
          ])
    })
  }
  if (budget.faults > 0) {
    const left = { ...budget, faults: budget.faults - 1 }
    for (const action of progress)
      for (const outcome of listOutcomes(world, action))
        steps.push([{ ...action, outcome } as Action, left])
    for (const action of listFaults(world)) steps.push([action, left])
  }
  for (const action of listRepairs(world)) steps.push([action, budget])
  return steps
}

/** Faults of the environment; what they break may be repaired at no cost. */
function listFaults(world: World): Action[] {
  const faults: Action[] = []
  for (const actor of world.actors) {
    if (isRunning(actor) && (actor.instance !== null || actor.command !== null))
      faults.push({ do: 'freeze', actor: actor.name }, { do: 'kill', actor: actor.name })
  }
  for (const link of ['file', 'other'] as const)
    if (!world.cut[link] && (link === 'file' || world.actors.some((one) => !one.onFileHost)))
      faults.push({ do: 'cut', link, on: true })
  if (world.db.record !== null) faults.push({ do: 'promote' })
  return faults
}

function listRepairs(world: World): Action[] {
  const repairs: Action[] = []
  for (const { alive, frozen, name } of world.actors) {
    if (frozen) repairs.push({ do: 'thaw', actor: name })
    if (!alive && name !== 'k') repairs.push({ do: 'restart', actor: name })
  }
  for (const link of ['file', 'other'] as const)
    if (world.cut[link]) repairs.push({ do: 'cut', link, on: false })
  world.floating.forEach((_, at) => repairs.push({ do: 'floating', at, drop: false }))
  for (const session of listDeadSessions(world)) repairs.push({ do: 'end_session', session })
  return repairs
}

/** Sessions that the server may end: their process is gone, frozen, or cut off. */
export function listDeadSessions(world: World): readonly string[] {
  const live = new Set(
    world.actors
      .filter((actor) => isRunning(actor) && reachesDatabase(world, actor))
      .flatMap((actor) => [actor.id, ...actor.writes.map((write) => toSession(actor, write))]),
  )
  const held =
    world.db.exclusive === null ? world.db.shared : [...world.db.shared, world.db.exclusive]
  return held.filter((session) => !live.has(session))
}

/** Of a state: two runs that lead to one state are continued once. 52 bits, so that equal ones are never missed in practice. */
function fingerprint({ world, budget, commanded }: Node): number {
  const text = JSON.stringify([world, budget, commanded])
  let high = 0x811c9dc5
  let low = 0x1b873593
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    high = Math.imul(high ^ code, 0x01000193)
    low = Math.imul(low ^ code, 0x5bd1e995) ^ (low >>> 15)
  }
  return (high >>> 0) * 0x100000 + ((low >>> 0) & 0xfffff)
}
