import { expect, test } from 'vitest'
import { formatEntityTag, parseExpectation } from '../../../src/core/http-api/preconditions.ts'

test.each([
  ['neither', null, null, null],
  ['a tag', '"7"', null, 7],
  ['a tag with space around', ' "7" ', null, 7],
  ['any row', '*', null, 'present'],
  ['no row', null, '*', 'absent'],
  ['a weak tag, which matches nothing', 'W/"7"', null, 0],
  ['a tag that is not a revision', '"x"', null, 0],
  ['the revision 0', '"0"', null, 0],
  ['a revision with a leading zero', '"07"', null, 0],
  ['an empty tag', '""', null, 0],
  ['a list', '"7", "8"', null, undefined],
  ['no tag at all', '7', null, undefined],
  ['both', '"7"', '*', undefined],
  ['a tag not to match', null, '"7"', undefined],
] as const)('%s', (_what, ifMatch, ifNoneMatch, expected) => {
  expect(parseExpectation(ifMatch, ifNoneMatch)).toBe(expected)
})

test('an entity tag is parsed back as its revision', () => {
  expect(parseExpectation(formatEntityTag(12), null)).toBe(12)
})
