/** Settings of the mutation tester; mutate.mjs names the files and the tests. */
export default {
  testRunner: 'vitest-files',
  vitest: { configFile: 'test/mutation/vitest.config.ts' },
  plugins: ['./test/mutation/test-runner.mjs'],
  coverageAnalysis: 'perTest',
  // No such file: Stryker would rewrite it with TypeScript's API, which version 7 does not have.
  tsconfigFile: 'no-tsconfig.json',
  disableTypeChecks: false,
  ignorePatterns: ['/coverage', '/docs', '/reports'],
  tempDirName: 'reports/mutation',
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: 'reports/mutation.json' },
  // Stryker counts the hits of a mutant and so finds most endless loops; a slow machine is no reason to count a kill.
  timeoutMS: 60_000,
  concurrency: 2,
  warnings: { slow: false },
}
