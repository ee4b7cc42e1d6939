// Stryker's vitest runner looks at tests alone (stryker-js issues 6150 and 6213). A mutant that makes a test file fail
// while vitest collects it, in code at module level or in a body of `describe`, leaves no test in that file, and the
// runner reports `survived`. Here every mutant is killed that vitest's exit status would report, and a mutant for which
// no test ran has no result. A mutant that batch-runner.mjs decided is not run again.
import { readFileSync, writeFileSync } from 'node:fs'
import { strykerPlugins as published } from '@stryker-mutator/vitest-runner'

const [plugin] = published
/** In the sandbox, which all workers share: by the id of each mutant that was decided in the batch, status and test. */
const DECIDED = 'decided-in-batch.json'

function createTestRunner(injector) {
  const runner = plugin.factory(injector)
  const findFailedFile = () =>
    runner.ctx.state.getFiles().find(({ result }) => result?.state === 'fail')
  const dryRun = runner.dryRun.bind(runner)
  const mutantRun = runner.mutantRun.bind(runner)
  let decided

  runner.dryRun = async (options) => {
    const result = await dryRun(options)
    const file = findFailedFile()
    if (result.status !== 'complete') return result
    if (file !== undefined)
      return { status: 'error', errorMessage: `${file.name} fails without a mutant` }
    const tests = runner.ctx.state.getFiles().flatMap(toTests)
    writeFileSync(DECIDED, JSON.stringify(listDecided(tests, result)))
    // Stryker waits for a multiple of the time of the tests, which is not that of the batch.
    const batchMs = tests.reduce((sum, { meta }) => sum + (meta.batchMs ?? 0), 0)
    const wholeMs = result.tests.reduce((sum, { timeSpentMs }) => sum + timeSpentMs, 0)
    const share = Math.max(0, 1 - batchMs / wholeMs)
    return {
      ...result,
      tests: result.tests.map((test) => ({ ...test, timeSpentMs: test.timeSpentMs * share })),
    }
  }
  runner.mutantRun = async (options) => {
    const kill = (failureMessage) => ({
      status: 'killed',
      killedBy: [],
      failureMessage,
      nrOfTests: 0,
    })
    decided ??= JSON.parse(readFileSync(DECIDED, 'utf8'))
    const { status, test } = decided[options.activeMutant.id] ?? {}
    if (status === 'timeout') return { status, reason: test }
    if (status === 'killed') return kill(test)
    // Read by the order of files in vitest.config.ts.
    process.env['FF_MUTATED_FILE'] = options.sandboxFileName
    const result = await mutantRun(options)
    if (result.status === 'error') return kill(result.errorMessage)
    if (result.status !== 'survived') return result
    const file = findFailedFile()
    if (file !== undefined) return kill(`${file.name}: ${file.result.errors?.[0]?.message}`)
    return result.nrOfTests > 0 ? result : { status: 'error', errorMessage: 'No test ran' }
  }
  return runner
}
createTestRunner.inject = plugin.factory.inject

const toTests = (task) => task.tasks?.flatMap(toTests) ?? [task]

/** Without mutants of code that also runs while it is loaded: only a part of what they change was active. */
function listDecided(tests, { mutantCoverage }) {
  return Object.fromEntries(
    tests
      .flatMap(({ name, meta }) =>
        Object.entries(meta.decided ?? {}).map(([id, status]) => [id, { status, test: name }]),
      )
      .filter(([id]) => !(id in (mutantCoverage?.static ?? {}))),
  )
}

export const strykerPlugins = [{ ...plugin, name: 'vitest-files', factory: createTestRunner }]
export { strykerValidationSchema } from '@stryker-mutator/vitest-runner'
