import { execFile } from 'node:child_process'
import { cp, lstat, mkdir, mkdtemp, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ROOT } from '../support/run-ff.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-prepare-'))
  await cp(join(ROOT, '.ci/prepare'), join(folder, '.ci/prepare'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const prepare = (): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(join(folder, '.ci/prepare'))
const link = (): string => join(folder, 'node_modules/.bin/ff')

describe('N2: an install without the compiler', () => {
  test('reports the missing build, and leaves no command', async () => {
    expect(await prepare()).toEqual({
      stdout: '',
      stderr: expect.stringMatching(/^ff was not built: .+\n$/),
    })
    await expect(lstat(link())).rejects.toMatchObject({ code: 'ENOENT' })
  })
  test('links an existing build', async () => {
    await mkdir(join(folder, 'dist/bin'), { recursive: true })
    await writeFile(join(folder, 'dist/bin/ff.js'), '')
    expect(await prepare()).toEqual({ stdout: '', stderr: '' })
    expect(await readlink(link())).toBe('../../dist/bin/ff.js')
    await rm(join(folder, 'dist'), { recursive: true })
    await prepare()
    await expect(lstat(link())).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
