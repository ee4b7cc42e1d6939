import { inject, TestRunner } from 'vitest'

/** How often the hits without a mutant are an endless loop: the factor of Stryker's own planner. */
const ENDLESS = 100
/** CPU time of a test that is too slow: a worker for each mutant costs as much. */
const SLOW_MICROSECONDS = 300_000
const BATCH = 'batch'
const killed = new Set()

/**
 * During the run without a mutant, runs each test again for each mutant that it covers, in the same worker: a thousand
 * mutants take seconds instead of a worker each. Counts a kill where the test fails, and at the end passes again without a
 * mutant. Mutants that run while code is loaded need a fresh worker; test-runner.mjs runs these and the survivors one by
 * one. `meta.killed` of a test holds the ids.
 */
export default class BatchRunner extends TestRunner {
  async runTask(test) {
    const run = TestRunner.getTestFn(test)
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    if (inject('mode') !== 'dry-run' || user + system > SLOW_MICROSECONDS) return
    const stryker = globalThis[inject('globalNamespace')]
    const { static: loaded = {}, perTest = {} } = stryker.mutantCoverage ?? {}
    const { currentTestId } = stryker
    const covered = Object.entries(perTest[currentTestId] ?? {}).filter(
      ([id]) => !killed.has(id) && !(id in loaded),
    )
    // The coverage of these runs is not that of the test.
    stryker.currentTestId = BATCH
    const found = []
    for (const [id, hits] of covered)
      if (await fails(run, stryker, { activeMutant: id, hitCount: 0, hitLimit: hits * ENDLESS }))
        found.push(id)
    const sound = found.length > 0 && !(await fails(run, stryker, {}))
    if (sound) for (const id of found) killed.add(id)
    test.meta.killed = sound ? found : []
    delete perTest[BATCH]
    stryker.currentTestId = currentTestId
  }
}

/** Whether a test fails with a mutant. An endless loop is left to Stryker, which counts it as a timeout. */
async function fails(run, stryker, { activeMutant, hitCount, hitLimit }) {
  Object.assign(stryker, { activeMutant, hitCount, hitLimit })
  try {
    await run()
    return false
  } catch {
    return !(stryker.hitCount > hitLimit)
  } finally {
    Object.assign(stryker, { activeMutant: undefined, hitCount: undefined, hitLimit: undefined })
  }
}
