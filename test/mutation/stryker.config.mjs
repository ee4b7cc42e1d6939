/** Settings of the mutation tester; mutate.mjs names the files and the tests. */
export default {
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts' },
  plugins: ['@stryker-mutator/vitest-runner'],
  coverageAnalysis: 'perTest',
  // No such file: Stryker would rewrite it with TypeScript's API, which version 7 does not have.
  tsconfigFile: 'no-tsconfig.json',
  disableTypeChecks: false,
  ignorePatterns: ['/coverage', '/docs', '/reports'],
  tempDirName: 'reports/mutation',
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: 'reports/mutation.json' },
  concurrency: 2,
  warnings: { slow: false },
}
