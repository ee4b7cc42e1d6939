import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { getErrorCode, listOrEmpty, readOrNull } from '../../src/files/read-or-null.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-files-'))
  await writeFile(join(folder, 'file'), 'text')
  await mkdir(join(folder, 'inner'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('an existing file is read', async () => {
  expect((await readOrNull(join(folder, 'file')))?.toString()).toBe('text')
})

test.each([['gone'], ['gone/file'], ['file/below-a-file']])('%s holds nothing', async (path) => {
  expect(await readOrNull(join(folder, path))).toBeNull()
})

test('an unreadable file is an error', async () => {
  await expect(readOrNull(join(folder, 'inner'))).rejects.toMatchObject({ code: 'EISDIR' })
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
