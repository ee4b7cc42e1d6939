import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from './run-ff.ts'

type Cases = readonly (readonly [file: string, name: string])[]
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-cases-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function compare(
  before: Cases,
  after: Cases,
  names = '',
): Promise<readonly [number, string]> {
  const path = (name: string): string => join(folder, name)
  for (const [name, cases] of [
    ['before.json', before],
    ['after.json', after],
  ] as const) {
    const listed = cases.map(([file, one]) => ({ name: one, file }))
    await writeFile(path(name), JSON.stringify(listed))
  }
  await writeFile(path('names.tsv'), names)
  const args = ['before.json', 'after.json', 'names.tsv'].map(path)
  const script = join(ROOT, 'test/support/compare-cases.mjs')
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) =>
      resolve([error === null ? 0 : Number(error.code), stdout + stderr]),
    )
  })
}

test.each<[situation: string, before: Cases, after: Cases, names: string]>([
  ['nothing changed', [['a/x.test.ts', 'one']], [['a/x.test.ts', 'one']], ''],
  ['a file moved', [['a/x.test.ts', 'one']], [['b/x.int.test.ts', 'one']], ''],
  [
    'a case was added',
    [['x.test.ts', 'one']],
    [
      ['x.test.ts', 'one'],
      ['x.test.ts', 'two'],
    ],
    '',
  ],
  ['a file was renamed by NAMES.tsv', [['x.test.ts', 'one']], [['y.test.ts', 'one']], 'x\ty\n'],
  [
    'a file was divided',
    [
      ['x.test.ts', 'one'],
      ['x.test.ts', 'two'],
    ],
    [
      ['x.test.ts', 'one'],
      ['x.e2e.test.ts', 'two'],
    ],
    '',
  ],
])('%s: no case is missing', async (_situation, before, after, names) => {
  expect((await compare(before, after, names))[0]).toBe(0)
})

test.each<[situation: string, before: Cases, after: Cases, said: string]>([
  ['a file is missing', [['x.test.ts', 'one']], [['y.test.ts', 'one']], 'x: 1 cases before, 0 now'],
  [
    'a case was renamed',
    [
      ['x.test.ts', 'one'],
      ['x.test.ts', 'two'],
    ],
    [
      ['x.test.ts', 'one'],
      ['x.test.ts', 'three'],
    ],
    'x: gone: two',
  ],
  [
    'one of two cases of one name is missing',
    [
      ['x.test.ts', 'one'],
      ['x.test.ts', 'one'],
    ],
    [['x.test.ts', 'one']],
    'x: gone: one',
  ],
  ['the first list is empty', [], [['x.test.ts', 'one']], 'lists no case'],
])('%s: the script reports it and exits 1', async (_situation, before, after, said) => {
  const [status, text] = await compare(before, after)
  expect(status).toBe(1)
  expect(text).toContain(said)
})
