import { expect, test } from 'vitest'
import { parseIdempotencyKey } from '../../../src/core/http-api/idempotency-key.ts'

test.each<[string, string | null, string | null | undefined]>([
  ['no header', null, null],
  ['a string', '"8e03978e-40d5"', '8e03978e-40d5'],
  ['a string with a blank', ' "a b" ', 'a b'],
  ['a token', '8e03978e-40d5', '8e03978e-40d5'],
  ['255 characters', `"${'k'.repeat(255)}"`, 'k'.repeat(255)],
  ['256 characters', `"${'k'.repeat(256)}"`, undefined],
  ['an empty string', '""', undefined],
  ['an empty header', '', undefined],
  ['half a string', '"a', undefined],
  ['a quote in a string', '"a"b"', undefined],
  ['two keys', '"a", "b"', undefined],
  ['a letter outside of ASCII', '"ä"', undefined],
])('the key of %s', (_, header, key) => {
  expect(parseIdempotencyKey(header)).toBe(key)
})
