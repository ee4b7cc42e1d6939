import { expect, test } from 'vitest'
import { quoteError } from '../../../src/core/text/quote-error.ts'

test.each([
  ['an error', new Error('disk full'), 'disk full'],
  ['a message with a full stop', new Error('disk full.'), 'disk full'],
  ['a value that is no error', 'disk full', 'disk full'],
  [
    'a connect that failed on every address',
    new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('other')]),
    'connect ECONNREFUSED ::1:1',
  ],
  ['several errors with a message', new AggregateError([new Error('one')], 'both'), 'both'],
  ['a line feed and an escape sequence', new Error('a\n\u001b[2J'), 'a\\u000a\\u001b[2J'],
  ['120 characters', new Error('😀'.repeat(120)), '😀'.repeat(120)],
  ['121 characters', new Error('x'.repeat(121)), `${'x'.repeat(119)}…`],
])('%s is quoted', (_situation, error, quoted) => {
  expect(quoteError(error)).toBe(quoted)
})
