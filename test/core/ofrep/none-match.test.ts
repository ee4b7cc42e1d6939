import { expect, test } from 'vitest'
import { matchesTag } from '../../../src/core/http-api/preconditions.ts'

test.each([
  ['nothing', null, false],
  ['the tag', '"abc"', true],
  ['the tag, weak', 'W/"abc"', true],
  ['another', '"abd"', false],
  ['a list with it', '"x", W/"abc", "y"', true],
  ['a list without it', '"x","y"', false],
  ['a comma inside of a tag', '"x,y","abc"', true],
  ['anything', '*', true],
  ['anything, with spaces', ' * ', true],
  ['a star in a list, which is not a wildcard', '"x", *', false],
  ['the tag without its quotes', 'abc', false],
  ['a lone quote', '"', false],
  ['empty', '', false],
  ['a list with empty elements', ', "x" ,, "abc" ,', true],
  ['a list without commas', '"x" "abc"', false],
  ['the tag behind a word', 'x"abc"', false],
  ['the tag, weak in lower case', 'w/"abc"', false],
  ['the tag and an open quote', '"abc", "x', false],
  ['a space inside of a tag', '"a b", "abc"', false],
])('If-None-Match: %s', (_what, header, named) => {
  expect(matchesTag(header, '"abc"')).toBe(named)
})
