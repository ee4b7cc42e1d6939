import { expect, test } from 'vitest'
import { meetsRequired } from '../../../src/core/evaluate/required-auth.ts'

test.each([
  ['none', ['verified', 'decode-only', 'dev-headers', 'none']],
  ['any', ['verified', 'decode-only', 'dev-headers']],
  ['verified', ['verified']],
] as const)('required_auth %s is met by %s', (required, met) => {
  const modes = ['verified', 'decode-only', 'dev-headers', 'none'] as const
  expect(modes.filter((mode) => meetsRequired(mode, required))).toEqual(met)
})
