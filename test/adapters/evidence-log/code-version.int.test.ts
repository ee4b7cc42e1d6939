import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeVersion } from '../../../src/adapters/evidence-log/code-version.ts'

let folder = ''
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
    cwd: folder,
    encoding: 'utf8',
  }).trim()
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-code-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('the version is the commit, and differs for each state of changes', async () => {
  expect(await codeVersion(folder)).toBeNull()
  git('init', '-q')
  await writeFile(join(folder, 'a'), '1')
  git('add', 'a')
  git('commit', '-qm', 'a')
  const commit = git('rev-parse', 'HEAD')
  expect(await codeVersion(folder)).toBe(commit)
  await mkdir(join(folder, '.ff'))
  await writeFile(join(folder, '.ff/evidence'), 'x')
  expect(await codeVersion(folder)).toBe(commit)
  await writeFile(join(folder, 'a'), '2')
  const two = await codeVersion(folder)
  await writeFile(join(folder, 'a'), '3')
  const three = await codeVersion(folder)
  expect([two, three].every((one) => one?.startsWith(`${commit}-dirty-`))).toBe(true)
  expect(two).not.toBe(three)
})
