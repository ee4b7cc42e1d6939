import { defineConfig } from 'vitest/config'

/** The tests of the part that is mutated (parts.mjs); Stryker runs them in its own processes. */
export default defineConfig({
  test: {
    include: process.env['FF_MUTATION_TESTS']?.split(',') ?? [],
    testTimeout: 60_000,
  },
})
