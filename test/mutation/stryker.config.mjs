/** Settings of the mutation tester; mutate.mjs names the files and the tests. */
export default {
  testRunner: 'vitest-files',
  // The part names its tests; to look for related ones walks all imports once more for each mutant.
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  plugins: ['./test/mutation/test-runner.mjs', './test/mutation/prose.mjs'],
  ignorers: ['prose'],
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
  dryRunTimeoutMinutes: 60,
  concurrency: 2,
  warnings: { slow: false },
}
