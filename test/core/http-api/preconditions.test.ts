import { expect, test } from 'vitest'
import { formatEntityTag, parseExpectation } from '../../../src/core/http-api/preconditions.ts'

test.each([
  ['neither', null, null, null],
  ['a tag', '"7"', null, 7],
  ['a tag with space around', ' "7" ', null, 7],
  ['any row', '*', null, 'present'],
  ['no row', null, '*', 'absent'],
  ['a weak tag, which matches nothing', 'W/"7"', null, 0],
  ['a tag that is no revision', '"x"', null, 0],
  ['a revision that is none', '"0"', null, 0],
  ['a revision with a nought before it', '"07"', null, 0],
  ['an empty tag', '""', null, 0],
  ['a list', '"7", "8"', null, undefined],
  ['no tag at all', '7', null, undefined],
  ['both', '"7"', '*', undefined],
  ['a tag not to match', null, '"7"', undefined],
] as const)('%s', (_what, ifMatch, ifNoneMatch, expected) => {
  expect(parseExpectation(ifMatch, ifNoneMatch)).toBe(expected)
})

test('a tag that was given out is taken back as its revision', () => {
  expect(parseExpectation(formatEntityTag(12), null)).toBe(12)
})
