import { expect, test } from 'vitest'
import { quoteForShell, quoteValue } from '../../../src/core/text/quote.ts'

test.each([
  ['', '""'],
  ['a.json', '"a.json"'],
  ['a\u001b[2J\n', '"a\\u001b[2J\\u000a"'],
  ['x'.repeat(120), `"${'x'.repeat(120)}"`],
  ['x'.repeat(121), `"${'x'.repeat(120)}..." (121 characters)`],
])('a value in a message is quoted, escaped and cut: %j', (text, shown) =>
  expect(quoteValue(text)).toBe(shown),
)

test.each([
  ['checklists/a-b.json', 'checklists/a-b.json'],
  ['', "''"],
  ['a b', "'a b'"],
  ["it's", String.raw`'it'\''s'`],
  ['$(reboot)', "'$(reboot)'"],
])('a word of a pasted command means the same to a shell: %j', (text, word) =>
  expect(quoteForShell(text)).toBe(word),
)
