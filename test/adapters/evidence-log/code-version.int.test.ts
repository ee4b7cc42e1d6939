import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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

const put = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), text)
}
const version = (below = ''): Promise<string | null> => codeVersion(join(folder, below))

test('a folder outside of a repository has no version', async () => {
  expect(await version()).toBeNull()
})

describe('V19: the version is that of the content of the work tree', () => {
  let before: string | null = null
  beforeAll(async () => {
    git('init', '-q')
    await put('.gitignore', 'ignored\n')
    await put('a', '1')
    await put('src/b', '1')
    before = await version()
  })
  test('committed or not is the same', async () => {
    expect(before).toMatch(/^worktree:[0-9a-f]{64}$/)
    git('add', 'a', '.gitignore')
    expect(await version()).toBe(before)
    git('add', '-A')
    git('commit', '-qm', 'a')
    expect(await version()).toBe(before)
  })
  test('what ff writes, what is bound by its own digest and what is ignored are left out', async () => {
    const names = ['.ff/evidence/x', 'checklists/signoff.json', 'reports/gate.html', 'ignored']
    for (const name of names) await put(name, '1')
    expect(await version()).toBe(before)
    git('add', '-A')
    git('commit', '-qm', 'sign-off')
    expect(await version()).toBe(before)
    for (const name of names) await put(name, '2')
    expect(await version()).toBe(before)
  })
  const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['a changed file', () => put('a', '2')],
    ['another file', () => put('src/c', '1')],
    ['a checklist of another folder', () => put('src/checklists/c', '1')],
    ['a deleted file', () => rm(join(folder, 'a'))],
    ['a renamed file', () => rename(join(folder, 'a'), join(folder, 'z'))],
    ['a program', () => chmod(join(folder, 'a'), 0o755)],
    [
      'a link with the same text',
      () => rm(join(folder, 'a')).then(() => symlink('1', join(folder, 'a'))),
    ],
    [
      'a changed file that git was told to overlook',
      async () => {
        git('update-index', '--assume-unchanged', 'a')
        await put('a', '2')
      },
    ],
    [
      'a repository inside',
      async () => {
        await put('inner/x', '1')
        execFileSync('git', ['init', '-q'], { cwd: join(folder, 'inner') })
      },
    ],
  ]
  test.each(changes)('%s changes it', async (_what, change) => {
    expect(await version()).toBe(before)
    await change()
    expect(await version()).not.toBe(before)
    git('update-index', '--no-assume-unchanged', 'a')
    git('checkout', '-q', '.')
    git('clean', '-qffd')
    expect(await version()).toBe(before)
  })
  test('a file of a repository inside changes it, too', async () => {
    await put('inner/x', '1')
    execFileSync('git', ['init', '-q'], { cwd: join(folder, 'inner') })
    const one = await version()
    await put('inner/x', '2')
    expect(await version()).not.toBe(one)
  })
  test('a work tree too large to hash has none, at once', async () => {
    await put('huge', '')
    await truncate(join(folder, 'huge'), 2 ** 40)
    expect(await version()).toBeNull()
    await rm(join(folder, 'huge'))
    expect(await version()).toMatch(/^worktree:/)
  })
  test('a folder below the top has the files of the whole work tree', async () => {
    const one = await version('src')
    await put('a', '3')
    expect(await version('src')).not.toBe(one)
  })
})
