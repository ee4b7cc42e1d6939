import { explore } from './model.ts'
import { PLANTED_FAULTS } from './planted-faults.ts'
import { SCENARIOS } from './scenarios.ts'
import { DEFAULTS, seedChoices, simulate } from './simulate.ts'

/** How a planted fault was found. */
export interface Detection {
  readonly by: string
  /** How much was run before it was found. */
  readonly work: string
  /** Steps of the failing run. */
  readonly length: number
  readonly violation: string
}

/** Seeds that are simulated, then states of each scenario that are explored, in the search for one fault. */
const SEEDS = 20_000

/** Searches a planted fault by seeds; null where no run of them shows it. */
export function findPlanted(name: string): Detection | null {
  const fault = PLANTED_FAULTS[name]
  if (fault === undefined) return null
  const { protocol, drills } = fault
  let steps = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = simulate(seedChoices(seed, DEFAULTS.steps), protocol, { drills })
    steps += run.steps
    if (run.violation !== null)
      return {
        by: `seed ${seed}`,
        work: `${steps} steps`,
        length: run.trace.length,
        violation: run.violation,
      }
  }
  for (const scenario of SCENARIOS) {
    const { violation, states, trace } = explore(scenario, protocol, { depth: 60, states: 300_000 })
    if (violation !== null)
      return {
        by: `model check, ${scenario.name}`,
        work: `${states} states`,
        length: trace.length,
        violation,
      }
  }
  return null
}
