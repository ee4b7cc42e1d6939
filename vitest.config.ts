import { defineConfig } from 'vitest/config'
import { FileOrder } from './test/support/file-order.ts'
import { SlowestReporter } from './test/support/slowest-reporter.ts'
import { findTemporaryFolder } from './test/support/temporary-folder.ts'

// All processes of a run share one seed, which the reporter prints.
process.env['FF_TEST_SEED'] ??= String(Date.now() % 2 ** 31)

// A value of the environment wins, so that a run on a disk is possible.
process.env['TMPDIR'] ??= findTemporaryFolder()

const SHARED = 'test/support/shared-server.ts'

export default defineConfig({
  test: {
    // Tests mostly wait for processes, so vitest's default of one worker less than the cores leaves a core idle: three
    // workers kept two cores busy for 85 % of a run.
    maxWorkers: 4,
    // A test that runs a command here allocates much that lives until its end: V8's young generation of 16 MB is collected
    // so often that a tenth of the CPU goes there.
    execArgv: ['--max-semi-space-size=64', '--min-semi-space-size=32'],
    // Of the tests in one file that may run at the same time: what they wait for, they wait for together.
    maxConcurrency: 10,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { sequencer: FileOrder },
    reporters: ['default', new SlowestReporter()],
    // The projects transform the same modules: by the hash of each, in node_modules/.experimental-vitest-cache.
    experimental: { fsModuleCache: true },
    // Of the unit tests alone, for the core can be tested without a service.
    coverage: {
      provider: 'v8',
      include: ['src/core/**'],
      reporter: ['text-summary', 'html'],
      thresholds: { branches: 100 },
    },
    // The file's name says which project a test belongs to.
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{int,e2e}.test.ts'],
          // No state in these files outlives a test, so they can share a process.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'int',
          include: ['test/**/*.int.test.ts'],
          globalSetup: [SHARED],
          // A process for each file costs half a second of CPU; one that mocks a module loads the program anew.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/**/*.e2e.test.ts'],
          globalSetup: ['test/support/build.ts', SHARED],
          // Node loads the built program itself, so vitest does not transform it.
          server: { deps: { external: [/\/dist\/(bin|src)\//] } },
          isolate: false,
        },
      },
    ],
  },
})
