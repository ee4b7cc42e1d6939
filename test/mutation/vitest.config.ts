import { basename } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Begins with the tests of the mutated file, which find most of its mutants, then with small files. */
class OwnFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const own = `/${basename(process.env['FF_MUTATED_FILE'] ?? '', '.ts')}.`
    const isOwn = ({ moduleId }: TestSpecification): boolean => moduleId.includes(own)
    // Vitest begins with those that take long.
    const sorted = (await super.sort(files)).toReversed()
    return [...sorted.filter(isOwn), ...sorted.filter((file) => !isOwn(file))]
  }
}

/** The tests of the part that is mutated (parts.mjs); Stryker runs them in its own processes. */
export default defineConfig({
  test: {
    include: process.env['FF_MUTATION_TESTS']?.split(',') ?? [],
    setupFiles: ['test/mutation/seed.ts'],
    runner: 'test/mutation/batch-runner.mjs',
    sequence: { sequencer: OwnFirst },
    testTimeout: 60_000,
    // As in the project unit: a run of several files loads the code once. A worker serves one run.
    isolate: false,
  },
})
