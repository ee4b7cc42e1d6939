import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { codeVersion } from '../../../src/adapters/evidence-log/code-version.ts'
import { writeKeyFile } from '../../../src/adapters/key-files/key-file.ts'
import type { KeyFile } from '../../../src/core/signoff/types.ts'

let folder = ''
const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: folder, encoding: 'utf8' })
const FILE = { kind: 'key_file' } as KeyFile
const readExcluded = (): Promise<string> => readFile(join(folder, '.git/info/exclude'), 'utf8')
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-key-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('a key of a person is never staged, and leaves the identity of the code alone', async () => {
  git('init', '--quiet')
  await writeFile(join(folder, 'a.ts'), 'a')
  await mkdir(join(folder, 'own keys'))
  const before = await codeVersion(folder)
  expect(before).not.toBeNull()
  for (const name of ['alice.key.json', 'own keys/b[o]b*.pem']) {
    await writeKeyFile(join(folder, name), FILE)
    expect(await codeVersion(folder)).toBe(before)
  }
  await writeFile(join(folder, 'alice.pub.json'), '{}')
  expect(await codeVersion(folder)).toBe(before)
  await writeFile(join(folder, 'own keys/bob.pem'), 'another file')
  expect(await codeVersion(folder)).not.toBe(before)
  git('add', '--all')
  expect(git('diff', '--cached', '--name-only').trim().split('\n')).toEqual([
    'a.ts',
    'own keys/bob.pem',
  ])
})
test('a key that is ignored already adds no line', async () => {
  git('init', '--quiet')
  await writeFile(join(folder, '.gitignore'), '*.json\n')
  await mkdir(join(folder, '.git/info'), { recursive: true })
  await writeFile(join(folder, '.git/info/exclude'), 'mine\n')
  await writeKeyFile(join(folder, 'alice.key.json'), FILE)
  expect(await readExcluded()).toBe('mine\n')
})
test('outside of a work tree nothing is written but the key', async () => {
  await writeKeyFile(join(folder, 'alice.key.json'), FILE)
  await expect(readExcluded()).rejects.toMatchObject({ code: 'ENOENT' })
})
