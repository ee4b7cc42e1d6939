// Stryker's vitest runner looks at tests alone (stryker-js issues 6150 and 6213). A mutant that makes a test file fail
// while vitest collects it, in code at module level or in a body of `describe`, leaves no test in that file, and the
// runner reports `survived`. Here every mutant is killed that vitest's exit status would report, and a mutant for which
// no test ran has no result.
import { strykerPlugins as published } from '@stryker-mutator/vitest-runner'

const [plugin] = published

function createTestRunner(injector) {
  const runner = plugin.factory(injector)
  const findFailedFile = () =>
    runner.ctx.state.getFiles().find(({ result }) => result?.state === 'fail')
  const dryRun = runner.dryRun.bind(runner)
  const mutantRun = runner.mutantRun.bind(runner)

  runner.dryRun = async (options) => {
    const result = await dryRun(options)
    const file = findFailedFile()
    if (result.status !== 'complete' || file === undefined) return result
    return { status: 'error', errorMessage: `${file.name} fails without a mutant` }
  }
  runner.mutantRun = async (options) => {
    const result = await mutantRun(options)
    const kill = (failureMessage) => ({
      status: 'killed',
      killedBy: [],
      failureMessage,
      nrOfTests: 0,
    })
    if (result.status === 'error') return kill(result.errorMessage)
    if (result.status !== 'survived') return result
    const file = findFailedFile()
    if (file !== undefined) return kill(`${file.name}: ${file.result.errors?.[0]?.message}`)
    return result.nrOfTests > 0 ? result : { status: 'error', errorMessage: 'No test ran' }
  }
  return runner
}
createTestRunner.inject = plugin.factory.inject

export const strykerPlugins = [{ ...plugin, name: 'vitest-files', factory: createTestRunner }]
export { strykerValidationSchema } from '@stryker-mutator/vitest-runner'
