import { readFileSync } from 'node:fs'
import { Stryker } from '@stryker-mutator/core'
import { afterAll, expect, test, vi } from 'vitest'

const TESTED = 'src/core/evaluate/required-auth.ts'
const UNTESTED = 'src/core/gate/duration.ts'
const HASHING = 'src/core/audit/record.ts'
/** The line that hashes. */
const LINE =
  readFileSync(HASHING, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes('prev_hash +')) + 1

afterAll(() => void vi.unstubAllEnvs())
test('a mutant is killed by its tests, also while they are collected, and not without them', async () => {
  vi.stubEnv(
    'FF_MUTATION_TESTS',
    'test/core/evaluate/required-auth.test.ts,test/core/audit/walk.test.ts',
  )
  const mutants = await new Stryker({
    configFile: 'test/mutation/stryker.config.mjs',
    // walk.test.ts hashes records at module level, so a hash that throws leaves it without a test.
    mutate: [TESTED, UNTESTED, `${HASHING}:${LINE - 2}-${LINE + 1}`],
    concurrency: 1,
    reporters: [],
  }).runMutationTest()
  const findMutants = (file: string) => mutants.filter(({ fileName }) => fileName.endsWith(file))
  const findStates = (file: string) => new Set(findMutants(file).map(({ status }) => status))

  expect(findStates(TESTED)).toEqual(new Set(['Killed']))
  expect(findStates(UNTESTED)).toEqual(new Set(['NoCoverage']))
  expect(findMutants(HASHING)).toContainEqual(
    expect.objectContaining({
      replacement: 'prev_hash - serializeMembers(hashed)',
      status: 'Killed',
      statusReason: expect.stringContaining('walk.test.ts') as string,
    }),
  )
})
