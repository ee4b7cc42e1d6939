import { expect, test } from 'vitest'
import { createRootEntry, findEntries } from '../../../src/core/import-mapping/entries.ts'
import { parseLosslessJson } from '../../../src/core/json/read.ts'

const find = (text: string, pattern: string): readonly string[] => {
  const read = parseLosslessJson(text)
  if (!read.ok) throw new Error(read.code)
  return [...findEntries(createRootEntry(read.node), pattern)].map(({ at }) => at)
}

test.each<[text: string, pattern: string, found: readonly string[]]>([
  ['{"a":{"b":1}}', '/a/b', ['/a/b']],
  ['{"a":{"b":1},"a":{"b":2}}', '/a/b', ['/a/b', '/a/b']],
  ['{"a":[5,6]}', '/a/1', ['/a/1']],
  ['{"a":[5,6]}', '/a/2', []],
  ['{"a":[5,6]}', '/a/01', []],
  ['{"a":[5,6]}', '/a/length', []],
  ['{"a":1}', '/a/0', []],
  ['{"a":{"0":1}}', '/a/0', ['/a/0']],
  ['{"a/b":{"~":1}}', '/*/*', ['/a~1b/~0']],
  ['[[1],[2]]', '/*/0', ['/0/0', '/1/0']],
  ['null', '', ['']],
])('%s has at %s: %j', (text, pattern, found) => {
  expect(find(text, pattern)).toEqual(found)
})
