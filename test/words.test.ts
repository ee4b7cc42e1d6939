import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findBannedWords } from './support/banned-words.ts'
import { ROOT } from './support/run-ff.ts'

/** Where a banned word is right. At most 20; each with its reason. */
const EXCEPTIONS: readonly (readonly [file: string, word: string, reason: string])[] = [
  ['test/support/banned-words.ts', '*', 'the list itself'],
  ['test/words.test.ts', '*', 'the examples of the search'],
  ['src/adapters/postgres/embedded-runner.ts', 'nobody', 'the Unix account'],
  ['src/features/selftest/edge-faults.ts', 'door', 'the fault ids door.*, an interface'],
  ['src/features/selftest/rule-faults.ts', 'everybody', 'the fault id core.everybody-verified'],
  ['src/features/selftest/rule-faults.ts', 'nobody', 'the fault id core.nobody-known'],
]

const CODE = ['bin', 'src', 'test']
const PROSE = ['README.md', 'src/README.md', 'CONTRIBUTING.md', 'contracts/README.md']

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
    (name) => `${folder}/${name}`,
  )
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

const code = CODE.flatMap(filesBelow).filter((file) => /\.(ts|mjs|md)$/.test(file))
const docs = [...PROSE, ...filesBelow('docs').filter((file) => file.endsWith('.md'))]
const contracts = filesBelow('contracts').filter(
  (file) => file.endsWith('.json') && !file.startsWith('contracts/examples/'),
)

/** The prose of a JSON document: what its `title`, `description`, `$comment`, `why` and `summary` members say. */
function proseIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) =>
    typeof member === 'string'
      ? /^(title|description|\$comment|why|summary|note|help)$/.test(name)
        ? [member]
        : []
      : proseIn(member),
  )
}

const allowed = (file: string, word: string): boolean =>
  EXCEPTIONS.some(([where, what]) => where === file && (what === '*' || what === word))

const findBanned = (file: string, text: string): readonly string[] =>
  findBannedWords(text)
    .filter((word) => !allowed(file, word))
    .map((word) => `${file}: ${word}`)

test('the search finds each form of a banned word', () => {
  expect(findBanned('x.ts', 'openDoor OPEN_DOOR a desk; in earnest')).toHaveLength(4)
  expect(findBanned('x.ts', 'outdoors adoring indoor')).toEqual([])
})

test('no banned word stands in the code, the tests or the documentation', () => {
  expect(code.length).toBeGreaterThan(500)
  expect(docs.length).toBeGreaterThan(PROSE.length)
  expect([...code, ...docs].flatMap((file) => findBanned(file, read(file)))).toEqual([])
})

test('no banned word stands in the prose of a contract', () => {
  expect(contracts.length).toBeGreaterThan(50)
  const found = contracts.flatMap((file) =>
    findBanned(file, proseIn(JSON.parse(read(file))).join('\n')),
  )
  expect(found).toEqual([])
})

test('nothing refers to a numbered page that a reader does not have', () => {
  const own = ['vectors/README.md', 'checklists/README.md', '.dependency-cruiser.mjs']
  const places = [...code, ...docs, ...contracts, ...own]
    .filter((file) => file !== 'test/words.test.ts')
    .filter((file) => /\b[Pp]age \d/.test(read(file)))
  expect(places).toEqual([])
})

test('a contract names no source file', () => {
  expect(contracts.filter((file) => /\bsrc\/[a-z]/.test(read(file)))).toEqual([])
})

test('the exceptions are few, and each is still needed', () => {
  expect(EXCEPTIONS.length).toBeLessThanOrEqual(20)
  const idle = EXCEPTIONS.filter(
    ([file, word]) => !findBannedWords(read(file)).some((found) => word === '*' || word === found),
  )
  expect(idle).toEqual([])
})
