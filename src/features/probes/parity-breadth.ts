import type { Adapters } from '../../ports/adapters.ts'
import type { SearchScenes } from '../../ports/fuzz.ts'
import { parityExhaustive } from '../parity/parity.ts'
import { parityFuzz } from '../parity/parity-fuzz.ts'
import { withoutUserOverrides } from './faults/unguarded-route.ts'
import {
  readNumberParam,
  type ProbeContext,
  type WithResource,
  withParams,
} from './framework/probe.ts'
import {
  formatExample,
  requireMeasured,
  defineParityProbe,
  buildProofRequest,
  describeSides,
} from './testbed/parity-proofs.ts'

const withFault: WithResource<Adapters> = ({ adapters }, use) => use(withoutUserOverrides(adapters))
/** The planted fault, in a search that is cut short. */
const spoiled = withParams(withFault, { cases: 50 })

/**
 * E2: the decisions of a temporary file store and scratch state in a database, in every cell at every boundary, and in
 * at least `cases` random questions; random search ends at the first difference. The control drops user overrides on
 * load into the database, and asks few questions. Inconclusive (`proof_inconclusive`) where a proof is.
 */
export const parityBreadth = defineParityProbe<'cells_passed' | 'random_cases' | 'divergences'>({
  faulty: { cells_passed: spoiled, random_cases: spoiled, divergences: spoiled },
  measure: async (adapters, context) => {
    const wanted = readNumberParam(context, 'cases')
    const request = { ...buildProofRequest(context, adapters), only: null }
    const cells = requireMeasured(await parityExhaustive(request))
    const random = await runRandomCases(wanted, adapters, context)
    const { counts, findings, items } = cells
    return {
      measured: {
        // Situations follow the cells; a difference of theirs is a divergence.
        cells_passed: items.slice(0, counts.expected).filter(({ state }) => state === 'pass')
          .length,
        random_cases: random.cases,
        divergences: findings.length + random.divergences,
      },
      met: {
        ...describeSides(cells),
        cells: counts.compared,
        cell_cases: counts.cases,
        random_cases: random.cases,
        seeds: random.seeds.join(' '),
      },
      sample_size: counts.compared + random.cases,
      example: formatExample(cells) ?? random.example,
    }
  },
})

interface Random {
  readonly cases: number
  readonly divergences: number
  readonly seeds: readonly number[]
  readonly example: string | null
}
/** Most scenes of the first run, which shows how many questions a scene holds. */
const FIRST_RUNS = 100
/** Estimated questions in a scene, for the first run. */
const QUESTIONS = 20
/** Seeds are below this. */
const SEEDS = 2 ** 31

/** Fuzzes until both sides answered `wanted` questions, or until they differ. One report judges the sum of all scenes. */
async function runRandomCases(
  wanted: number,
  adapters: Adapters,
  context: ProbeContext,
): Promise<Random> {
  const totals: Totals = { scenes: 0, cases: 0, failed: false, seeds: [] }
  const searchScenes = searchUntil(wanted, adapters.searchScenes, { totals, context })
  const report = requireMeasured(
    await parityFuzz({
      ...buildProofRequest(context, { ...adapters, searchScenes }),
      runs: 1,
      seed: context.now().getTime() % SEEDS,
      timeMs: null,
      progress: () => context.progress(Math.min(totals.cases, wanted), wanted),
    }),
  )
  const { cases, seeds } = totals
  return report.verdict === 'fail'
    ? { cases, divergences: 1, seeds, example: formatExample(report) }
    : { cases, divergences: 0, seeds, example: null }
}

interface Totals {
  scenes: number
  cases: number
  failed: boolean
  readonly seeds: number[]
}
interface Search {
  readonly totals: Totals
  readonly context: Pick<ProbeContext, 'signal'>
}
/** Searches seed after seed until `wanted` questions were asked and the run has enough, or until a scene fails. */
const searchUntil =
  (wanted: number, search: SearchScenes, { totals, context }: Search): SearchScenes =>
  async (fails, options) => {
    const most = wanted + options.runs
    const stopped = (): boolean =>
      context.signal.aborted || (totals.cases >= wanted && options.stopped())
    for (;;) {
      const seed = (options.seed + totals.seeds.length) % SEEDS
      totals.seeds.push(seed)
      const runs = estimateScenes(wanted, totals)
      const { smallest } = await search(countQuestions(fails, totals), {
        ...options,
        runs,
        seed,
        stopped,
      })
      if (smallest !== null || stopped() || totals.scenes >= most)
        return { played: totals.scenes, smallest }
    }
  }

/** Scenes until `wanted` questions, by the questions of the scenes so far. */
function estimateScenes(wanted: number, { scenes, cases }: Totals): number {
  if (scenes === 0) return Math.min(FIRST_RUNS, Math.ceil(wanted / QUESTIONS))
  return Math.max(1, Math.ceil(((wanted - cases) * scenes) / Math.max(cases, 1)))
}

/** Counts the questions of every scene. Stops at the first failing scene: `ff parity fuzz` shrinks it. */
const countQuestions =
  (fails: Parameters<SearchScenes>[0], totals: Totals): Parameters<SearchScenes>[0] =>
  async (scene) => {
    if (totals.failed) return false
    totals.failed = await fails(scene)
    totals.scenes += 1
    totals.cases += scene.steps.filter(({ ask }) => ask !== undefined).length
    return totals.failed
  }
