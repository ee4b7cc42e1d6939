import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { getErrorCode, listOrEmpty, nullIfMissing } from '../../src/files/read-or-null.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-files-'))
  await writeFile(join(folder, 'file'), 'text')
  await mkdir(join(folder, 'inner'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const readOwn = (name: string): Promise<string | null> =>
  nullIfMissing(readFile(join(folder, name), 'utf8'))

test('an existing file is read', async () => {
  expect(await readOwn('file')).toBe('text')
})

test.each([['gone'], ['gone/file'], ['file/below-a-file']])('%s holds nothing', async (path) => {
  expect(await readOwn(path)).toBeNull()
})

test('an unreadable file is an error', async () => {
  await expect(readOwn('inner')).rejects.toMatchObject({ code: 'EISDIR' })
})

test('a folder is listed, a missing one is empty', async () => {
  expect([...(await listOrEmpty(folder))].sort()).toEqual(['file', 'inner'])
  expect(await listOrEmpty(join(folder, 'gone'))).toEqual([])
})

test('a file in the place of a folder is an error', async () => {
  await expect(listOrEmpty(join(folder, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' })
})

test('a value without a code has none', () => {
  expect([new Error('no'), 'ENOENT', null].map(getErrorCode)).toEqual([null, null, null])
})
