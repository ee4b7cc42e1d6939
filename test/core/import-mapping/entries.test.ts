import { expect, test } from 'vitest'
import {
  createRootEntry,
  findEntries,
  findFirstEntry,
  type MappingEntry,
} from '../../../src/core/import-mapping/entries.ts'
import { parseLosslessJson } from '../../../src/core/json/read.ts'

const rootOf = (text: string): MappingEntry => {
  const read = parseLosslessJson(text)
  if (!read.ok) throw new Error(read.code)
  return createRootEntry(read.node)
}
const find = (text: string, pattern: string): readonly string[] =>
  [...findEntries(rootOf(text), pattern)].map(({ at }) => at)

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
  ['{"a":{"c":1},"a":{"b":2}}', '/a/b', ['/a/b']],
  ['[{"c":1},{"b":2}]', '/*/b', ['/1/b']],
])('%s has at %s: %j', (text, pattern, found) => {
  expect(find(text, pattern)).toEqual(found)
  expect(findFirstEntry(rootOf(text), pattern)?.at).toBe(found[0])
})

test('more patterns than are kept as parsed are found as well', () => {
  const root = rootOf('{"a999":1,"a1500":{"b":2}}')
  const found = Array.from({ length: 2_500 }, (_, at) => findFirstEntry(root, `/a${at}`)?.at)
  expect(found.filter((at) => at !== undefined)).toEqual(['/a999', '/a1500'])
})
