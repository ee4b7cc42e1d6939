import type { Adapters } from '../../ports/adapters.ts'
import type { SearchScenes } from '../../ports/fuzz.ts'
import { parityExhaustive } from '../parity/parity.ts'
import { parityFuzz } from '../parity/parity-fuzz.ts'
import { readNumberParam, type ProbeContext } from './framework/probe.ts'
import {
  formatExample,
  requireMeasured,
  defineParityProbe,
  buildProofRequest,
  describeSides,
} from './testbed/parity-proofs.ts'

/**
 * E2: the decisions of a temporary file store and scratch state in a database, in every cell at every boundary, and in
 * at least `cases` random questions; random search ends at the first difference. The control drops user overrides on
 * load into the database. Inconclusive (`proof_inconclusive`) where a proof is.
 */
export const parityBreadth = defineParityProbe(async (adapters, context) => {
  const wanted = readNumberParam(context, 'cases')
  const request = { ...buildProofRequest(context, adapters), only: null }
  const cells = requireMeasured(await parityExhaustive(request))
  const random = await runRandomCases(wanted, adapters, context)
  const { counts, findings, items } = cells
  return {
    measured: {
      cells_passed: items.filter(({ state }) => state === 'pass').length,
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
})

interface Random {
  readonly cases: number
  readonly divergences: number
  readonly seeds: readonly number[]
  readonly example: string | null
}
/** Most scenes of the first run, which shows how many questions a scene holds. */
const FIRST_RUNS = 100
/** Fewest scenes of a run: one in five holds no write, and a run without a write is inconclusive. */
const FEWEST_RUNS = 20
/** Estimated questions in a scene, for the first run. */
const QUESTIONS = 20
/** Seeds are below this. */
const SEEDS = 2 ** 31

/** Fuzzes until both sides answered `wanted` questions, or until they differ. */
async function runRandomCases(
  wanted: number,
  adapters: Adapters,
  context: ProbeContext,
): Promise<Random> {
  const totals = { scenes: 0, cases: 0, failed: false }
  const deps: Adapters = {
    ...adapters,
    searchScenes: countQuestions(adapters.searchScenes, totals),
  }
  const seeds: number[] = []
  while (totals.cases < wanted) {
    const perScene = totals.cases / Math.max(totals.scenes, 1)
    const remaining = Math.ceil((wanted - totals.cases) / Math.max(perScene, 1))
    const estimated =
      totals.scenes === 0 ? Math.min(FIRST_RUNS, Math.ceil(wanted / QUESTIONS)) : remaining
    const runs = Math.max(estimated, FEWEST_RUNS)
    const seed = (context.now().getTime() + seeds.length) % SEEDS
    seeds.push(seed)
    const progress = (): void => context.progress(Math.min(totals.cases, wanted), wanted)
    const report = requireMeasured(
      await parityFuzz({ ...buildProofRequest(context, deps), runs, seed, timeMs: null, progress }),
    )
    if (report.verdict === 'fail')
      return { cases: totals.cases, divergences: 1, seeds, example: formatExample(report) }
  }
  return { cases: totals.cases, divergences: 0, seeds, example: null }
}

/** Counts the questions of every scene. Stops at the first failing scene: `ff parity fuzz` shrinks it. */
const countQuestions =
  (
    search: SearchScenes,
    totals: { scenes: number; cases: number; failed: boolean },
  ): SearchScenes =>
  (fails, options) =>
    search(async (scene) => {
      if (totals.failed) return false
      totals.failed = await fails(scene)
      totals.scenes += 1
      totals.cases += scene.steps.filter(({ ask }) => ask !== undefined).length
      return totals.failed
    }, options)
