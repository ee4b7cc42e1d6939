import { type CutoverPhase, CUTOVER_PHASES } from '../../src/core/cutover/phases.ts'
import { act, type Action, describeAction, isRunning } from './actions.ts'
import { listDisturbances } from './disturbances.ts'
import { listCommands, listProgress } from './enabled.ts'
import { heal } from './heal.ts'
import { checkWorld, serve } from './invariants.ts'
import { prepare } from './model.ts'
import type { Protocol } from './protocol.ts'
import { createWorld, type World } from './world.ts'

export interface SimulationOptions {
  /** Choices of the scheduler in one run. */
  readonly steps: number
  /** Share of the choices that disturb. */
  readonly faults: number
  /** Whether an operator gives drills too; the same seeds are other runs then. */
  readonly drills: boolean
}
export const DEFAULTS: SimulationOptions = { steps: 260, faults: 0.06, drills: false }

export interface Run {
  readonly violation: string | null
  readonly steps: number
  /** The farthest phase, and whether the way back was taken after it. */
  readonly farthest: CutoverPhase
  readonly switches: number
  readonly trace: readonly string[]
}

/** A generator of choices, each a whole number below 2^30 (mulberry32). */
export function seedChoices(seed: number, count: number): number[] {
  let state = seed | 0
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) >>> 2
  })
}

/** Half of the runs are whole cutovers, the others begin where the authority is about to move. */
const STARTS: readonly CutoverPhase[] = ['file', 'file', 'shadow_read', 'db_authoritative']

/**
 * One run: the choices say what happens next, and smaller ones disturb less, so that a shorter list of smaller numbers is a
 * simpler run. Then everything is repaired, and the way out is taken.
 */
export function simulate(
  choices: readonly number[],
  protocol: Protocol,
  { faults = DEFAULTS.faults, drills = false }: Partial<SimulationOptions> = {},
  watch: (world: World, action: string) => void = () => {},
): Run {
  const [first = 0, ...others] = choices
  const phase = STARTS[first % STARTS.length] as CutoverPhase
  const world = prepare(createWorld({ phase, instances: ['a', 'b', 'o'], leaseMs: 6 }), protocol)
  const trace: string[] = []
  let farthest = 0
  let switches = 0
  const bound = Math.round((1 - faults) * 1024)
  const kinds = findKinds(first >>> 2)
  let slow = ''
  for (const choice of others) {
    const action = choose(world, protocol, { choice, bound, drills, kinds, slow })
    if (action === null) continue
    if (action.do === 'slow') {
      slow = action.key
      continue
    }
    const { phase } = world.file.record
    act(world, protocol, action)
    checkWorld(world, protocol)
    for (const actor of world.actors) if (isRunning(actor)) serve(world, protocol, actor)
    trace.push(describeAction(action))
    watch(world, describeAction(action))
    if (world.file.record.phase !== phase) switches++
    farthest = Math.max(farthest, CUTOVER_PHASES.indexOf(world.file.record.phase))
    if (world.violation !== null) break
  }
  const steps = trace.length
  if (world.violation === null) {
    trace.push('(all is repaired; rollback)')
    heal(world, protocol)
    watch(world, 'healed')
  }
  return {
    violation: world.violation,
    steps,
    farthest: CUTOVER_PHASES[farthest] as CutoverPhase,
    switches,
    trace,
  }
}

/** Half of the runs meet every kind of disturbance, the others a few of them. */
const findKinds = (choice: number): number => (choice % 2 === 0 ? 0 : (choice >>> 1) & 511)

/** From now on one thing waits while all others go on: a write, a command, a renewal, a copy. */
interface Slowing {
  readonly do: 'slow'
  readonly key: string
}
const SLOWED = 12

/** Names what makes a step, over all of its steps. */
function toKey(world: World, action: Action): string {
  if (action.do !== 'write') return describeAction(action)
  const { actor, at } = action
  return `${actor} ${world.actors.find(({ name }) => name === actor)?.writes[at]?.state.op}`
}

interface Choosing {
  readonly choice: number
  readonly bound: number
  readonly drills: boolean
  readonly kinds: number
  readonly slow: string
}
/** The low ten bits say what kind of thing happens, the others which one. */
function choose(
  world: World,
  protocol: Protocol,
  { choice, bound, drills, kinds, slow }: Choosing,
): Action | Slowing | null {
  const kind = choice & 1023
  const which = choice >>> 10
  const pick = <T>(list: readonly T[]): T | null => list[which % list.length] ?? null
  const all = listProgress(world, protocol)
  if (kind >= bound && which % SLOWED === 0) {
    const slowed = all[Math.floor(which / SLOWED) % (all.length + 1)]
    return { do: 'slow', key: slowed === undefined ? '' : toKey(world, slowed) }
  }
  if (kind >= bound) return pick(listDisturbances(world, protocol, kinds))
  const progress = slow === '' ? all : all.filter((one) => toKey(world, one) !== slow)
  const [, ...isBusy] = progress
  if (kind < 900 && progress.length > 0) return pick(progress)
  if (kind < 930) {
    const clients = listClients(world)
    if (clients.length > 0) return pick(clients)
  }
  if (kind < 940) {
    const commands = listCommands(world)
    // Two steps forth for one back.
    const forth = commands.filter((one) => one.do === 'advance')
    const drill = { do: 'drill' } as const
    const begins = drills && commands.length > 0 && world.file.record.phase === 'shadow_read'
    if (commands.length > 0) return pick([...forth, ...commands, ...(begins ? [drill, drill] : [])])
  }
  // Time passes more slowly while there is something to do.
  if (isBusy.length === 0 || which % 4 === 0) return { do: 'tick' }
  return pick(progress)
}

function listClients(world: World): Action[] {
  if (world.nextOp > 12) return []
  return world.actors
    .filter(
      (actor) => isRunning(actor) && actor.instance?.record != null && actor.writes.length < 2,
    )
    .map((actor) => ({ do: 'begin', actor: actor.name }))
}
