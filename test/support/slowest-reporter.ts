import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import { ROOT } from './run-ff.ts'
import { FULL } from './scale.ts'

const SHOWN = 10
/** Limit of one file on an idle machine. */
const FILE_BOUND_MS = 40_000

interface Timed {
  readonly name: string
  readonly durationMs: number
}

/**
 * Prints the slowest files and cases after a run, and fails a run in CI with a file over the limit.
 *
 * Elsewhere the limit only warns, because other work on the machine can exceed it. CI sets the variable CI and runs one
 * job at a time. A full run holds more rows on purpose and has no limit.
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
    print(`Seed of the random examples: FF_TEST_SEED=${process.env['FF_TEST_SEED']}`)
    const late = files.filter(({ durationMs }) => durationMs > FILE_BOUND_MS)
    if (late.length === 0 || FULL) return
    print(`Longer than the ${FILE_BOUND_MS / 1_000} s that a file may take:\n${slowest(late)}`)
    if (process.env['CI'] !== undefined) process.exitCode = 1
  }
}

const getName = (module: TestModule): string => relative(ROOT, module.moduleId)

const slowest = (timed: readonly Timed[]): string =>
  timed
    .toSorted((a, b) => b.durationMs - a.durationMs)
    .slice(0, SHOWN)
    .map(({ name, durationMs }) => `${(durationMs / 1_000).toFixed(1).padStart(7)} s  ${name}`)
    .join('\n')

const print = (text: string): void => void process.stdout.write(`\n${text}\n`)
