import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import { ROOT } from './run-ff.ts'
import { FULL } from './scale.ts'

const SHOWN = 10
/** A file should take no longer than this on an idle machine of two cores. */
const WARN_MS = 40_000
/** A file over this limit fails a run in CI. */
const FAIL_MS = 80_000

interface Timed {
  readonly name: string
  readonly durationMs: number
}

/**
 * Prints the use cases, the slowest files and cases after a run, and the files over 40 s as a warning. In CI (the variable CI is set), a
 * file over 80 s fails the run.
 *
 * The limits differ because the same file takes up to 1.5 times as long on one CI machine as on another, and a file may
 * wait for a shared report: a run must fail for what a change made slow, not for its machine. A full run holds more rows
 * on purpose and has no limit.
 */
export class SlowestReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map((module) => ({
      name: getName(module),
      durationMs: module.diagnostic().duration,
    }))
    const cases = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => ({
        name: `${getName(module)} > ${test.fullName}`,
        durationMs: test.diagnostic()?.duration ?? 0,
      })),
    )
    if (files.length > 1)
      print(`Slowest files:\n${slowest(files)}\nSlowest cases:\n${slowest(cases)}`)
    printUseCases(modules)
    print(`Seed of the random examples: FF_TEST_SEED=${process.env['FF_TEST_SEED']}`)
    const late = files.filter(({ durationMs }) => durationMs > WARN_MS)
    if (late.length === 0 || FULL) return
    print(`Longer than the ${WARN_MS / 1_000} s that a file should take:\n${slowest(late)}`)
    const failing = late.filter(({ durationMs }) => durationMs > FAIL_MS)
    if (failing.length === 0 || process.env['CI'] === undefined) return
    print(`Longer than the ${FAIL_MS / 1_000} s that a file may take in CI:\n${slowest(failing)}`)
    process.exitCode = 1
  }
}

/** The use cases of the planning pass whose tests ran, by their names, with the state of each. */
function printUseCases(modules: readonly TestModule[]): void {
  const found = modules
    .flatMap((module) => [...module.children.allTests()])
    .flatMap((test) => {
      const id = /UC-B4-\d\d/.exec(test.fullName)?.[0]
      return id === undefined ? [] : [`${id} ${test.result().state}`]
    })
  if (found.length > 0) print(`Use cases:\n${[...new Set(found)].toSorted().join('\n')}`)
}

const getName = (module: TestModule): string => relative(ROOT, module.moduleId)

const slowest = (timed: readonly Timed[]): string =>
  timed
    .toSorted((a, b) => b.durationMs - a.durationMs)
    .slice(0, SHOWN)
    .map(({ name, durationMs }) => `${(durationMs / 1_000).toFixed(1).padStart(7)} s  ${name}`)
    .join('\n')

const print = (text: string): void => void process.stdout.write(`\n${text}\n`)
