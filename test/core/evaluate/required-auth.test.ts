import { expect, test } from 'vitest'
import { satisfiesRequiredAuth } from '../../../src/core/evaluate/required-auth.ts'

test.each([
  ['none', ['verified', 'decode-only', 'dev-headers', 'none']],
  ['any', ['verified', 'decode-only', 'dev-headers']],
  ['verified', ['verified']],
] as const)('required_auth %s is satisfied by %s', (required, satisfying) => {
  const modes = ['verified', 'decode-only', 'dev-headers', 'none'] as const
  expect(modes.filter((mode) => satisfiesRequiredAuth(mode, required))).toEqual(satisfying)
})
