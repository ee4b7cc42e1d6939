import { type CutoverPhase, CUTOVER_PHASES } from '../../src/core/cutover/phases.ts'
import { act, type Action, describeAction, isRunning } from './actions.ts'
import { listCommands, listOutcomes, listProgress } from './enabled.ts'
import { heal } from './heal.ts'
import { checkWorld, serve } from './invariants.ts'
import { listDeadSessions, prepare } from './model.ts'
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
  for (const choice of others) {
    const action = choose(world, protocol, { choice, bound, drills })
    if (action === null) continue
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

interface Choosing {
  readonly choice: number
  readonly bound: number
  readonly drills: boolean
}
/** The low ten bits say what kind of thing happens, the others which one. */
function choose(
  world: World,
  protocol: Protocol,
  { choice, bound, drills }: Choosing,
): Action | null {
  const kind = choice & 1023
  const which = choice >>> 10
  const pick = <T>(list: readonly T[]): T | null => list[which % list.length] ?? null
  if (kind >= bound) return pick(listDisturbances(world, protocol))
  const progress = listProgress(world, protocol)
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

function listDisturbances(world: World, protocol: Protocol): Action[] {
  const actions: Action[] = []
  for (const action of listProgress(world, protocol))
    for (const outcome of listOutcomes(world, action))
      actions.push({ ...action, outcome } as Action)
  for (const actor of world.actors) {
    const { name, alive, frozen } = actor
    if (!alive && name !== 'k')
      actions.push({ do: 'restart', actor: name }, { do: 'restart', actor: name })
    if (frozen) actions.push({ do: 'thaw', actor: name }, { do: 'thaw', actor: name })
    if (alive && !frozen) actions.push({ do: 'kill', actor: name }, { do: 'freeze', actor: name })
    actor.writes.forEach((_, at) => actions.push({ do: 'late', actor: name, at }))
    actor.handed.forEach((_, at) => actions.push({ do: 'handed_late', actor: name, at }))
    if (actor.command?.kind === 'switch' && alive) actions.push({ do: 'bound', actor: name })
  }
  world.floating.forEach((_, at) =>
    actions.push({ do: 'floating', at, drop: false }, { do: 'floating', at, drop: true }),
  )
  for (const session of listDeadSessions(world)) actions.push({ do: 'end_session', session })
  for (const link of ['file', 'other'] as const) {
    const on = !world.cut[link]
    actions.push({ do: 'cut', link, on })
    if (!on) actions.push({ do: 'cut', link, on })
  }
  actions.push(
    { do: 'replicate' },
    { do: 'replicate' },
    { do: 'promote' },
    { do: 'power_cut' },
    { do: 'lie' },
  )
  actions.push({ do: 'clock', host: 'file', by: 4 }, { do: 'clock', host: 'other', by: -4 })
  const coordinator = world.actors.find(({ name }) => name === 'k')
  const isLeft = world.file.record.database === null && world.db.record !== null
  if (isLeft && coordinator?.command === null) actions.push({ do: 'new_database' })
  const loses = { do: 'lose', lost: 'database_lost' } as const
  if (coordinator?.command === null)
    actions.push(
      loses,
      { do: 'lose', lost: 'file_lost' },
      ...(world.cut.file ? [loses, loses] : []),
    )
  return actions
}
