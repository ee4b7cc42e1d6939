import { inject, TestRunner } from 'vitest'

/** How often the hits without a mutant are an endless loop: the factor of Stryker's own planner. */
const ENDLESS = 100
/** CPU time of a test that is too slow: a worker for each mutant costs as much. */
const SLOW_MICROSECONDS = 300_000
const BATCH = 'batch'
const decided = new Set()

/**
 * During the run without a mutant, runs each test again for each mutant that it covers, in the same worker: a thousand
 * mutants take seconds instead of a worker each. A mutant is decided where the test fails, or does not end, and at last
 * passes again without a mutant. Mutants that run while code is loaded need a fresh worker; test-runner.mjs runs these
 * and the survivors one by one. `meta.decided` of a test holds the status of mutants by id, `meta.batchMs` the time.
 */
export default class BatchRunner extends TestRunner {
  async runTask(test) {
    const run = TestRunner.getTestFn(test)
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    if (inject('mode') !== 'dry-run' || user + system > SLOW_MICROSECONDS) return
    const began = performance.now()
    test.meta.decided = await decideAll(run, globalThis[inject('globalNamespace')])
    test.meta.batchMs = performance.now() - began
  }
}

/** The status of each mutant that the current test decides; none where the test does not pass again. */
async function decideAll(run, stryker) {
  const { static: loaded = {}, perTest = {} } = stryker.mutantCoverage ?? {}
  const { currentTestId } = stryker
  const covered = Object.entries(perTest[currentTestId] ?? {}).filter(
    ([id]) => !decided.has(id) && !(id in loaded),
  )
  // The coverage of these runs is not that of the test.
  stryker.currentTestId = BATCH
  const found = {}
  for (const [id, hits] of covered) {
    const mutant = { activeMutant: id, hitCount: 0, hitLimit: hits * ENDLESS }
    const status = await getStatus(run, stryker, mutant)
    if (status !== 'survived') found[id] = status
  }
  const isSound = (await getStatus(run, stryker, {})) === 'survived'
  if (isSound) for (const id of Object.keys(found)) decided.add(id)
  delete perTest[BATCH]
  stryker.currentTestId = currentTestId
  return isSound ? found : {}
}

async function getStatus(run, stryker, { activeMutant, hitCount, hitLimit }) {
  Object.assign(stryker, { activeMutant, hitCount, hitLimit })
  try {
    await run()
    return 'survived'
  } catch {
    return stryker.hitCount > hitLimit ? 'timeout' : 'killed'
  } finally {
    Object.assign(stryker, { activeMutant: undefined, hitCount: undefined, hitLimit: undefined })
  }
}
