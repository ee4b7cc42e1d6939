import { existsSync } from 'node:fs'
import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFile, replaceFile, syncFolder } from '../../src/files/replace-file.ts'

let folder = ''
let path = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-files-'))
  path = join(folder, 'report')
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true, force: true })
})

/** Records each sync in order, and whether the file had its final name; also calls the real sync. */
async function watchSyncs(): Promise<string[]> {
  const handle = await open(folder)
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const sync = Reflect.get(prototype, 'sync') as (this: FileHandle) => Promise<void>
  const seen: string[] = []
  vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    const what = (await this.stat()).isDirectory() ? 'folder' : 'file'
    seen.push(`${what}, ${existsSync(path) ? 'named' : 'not named'}`)
    await sync.call(this)
  })
  return seen
}
/** Makes every sync fail. */
const failingSync = async (code: string): Promise<void> => {
  const handle = await open(folder)
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  vi.spyOn(prototype, 'sync').mockRejectedValue(Object.assign(new Error(code), { code }))
}

describe('a file is replaced', () => {
  test('syncs the bytes before the rename, and the folder after it', async () => {
    const seen = await watchSyncs()
    await replaceFile(path, 'new')
    expect(await readFile(path, 'utf8')).toBe('new')
    expect(seen).toEqual(['file, not named', 'folder, named'])
    expect(await readdir(folder)).toEqual(['report'])
  })

  test('syncs nothing for a file that need not be durable', async () => {
    const seen = await watchSyncs()
    await replaceFile(path, 'new', { durable: false })
    expect(await readFile(path, 'utf8')).toBe('new')
    expect(seen).toEqual([])
  })

  test('in pieces, over the temporary file of a killed run', async () => {
    await writeFile(join(folder, '.report.new'), 'half')
    await replaceFile(path, ['a', Buffer.from('b')], { temporary: '.report.new', mode: 0o600 })
    expect(await readFile(path, 'utf8')).toBe('ab')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['report'])
  })

  test('keeps the old content and no temporary file if the new content fails', async () => {
    await writeFile(path, 'old')
    const broken = (function* (): Generator<string> {
      yield 'half'
      throw new Error('no more')
    })()
    await expect(replaceFile(path, broken)).rejects.toThrow('no more')
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['report'])
  })

  test('leaves no temporary file if the path is a folder', async () => {
    await mkdir(path)
    await writeFile(join(path, 'kept'), '')
    await expect(replaceFile(path, 'new')).rejects.toMatchObject({ syscall: 'rename' })
    expect(await readdir(folder)).toEqual(['report'])
  })
})

describe('a file is created', () => {
  test('syncs bytes and name', async () => {
    const seen = await watchSyncs()
    await createFile(path, 'key', { mode: 0o600 })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(seen).toEqual(['file, named', 'folder, named'])
  })

  test('never overwrites a file', async () => {
    await writeFile(path, 'old')
    await expect(createFile(path, 'new')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await readFile(path, 'utf8')).toBe('old')
  })

  test('removes a file that was written in part', async () => {
    await failingSync('EIO')
    await expect(createFile(path, 'key')).rejects.toMatchObject({ code: 'EIO' })
    expect(await readdir(folder)).toEqual([])
  })
})

describe('a folder is synced', () => {
  test('accepts a file system that cannot sync folders', async () => {
    await failingSync('EINVAL')
    await expect(syncFolder(folder)).resolves.toBeUndefined()
  })

  test('throws any other error', async () => {
    await failingSync('EIO')
    await expect(syncFolder(folder)).rejects.toMatchObject({ code: 'EIO' })
  })
})
