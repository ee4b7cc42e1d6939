import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readBounded } from '../../src/files/read-bounded.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-files-'))
  await writeFile(join(folder, 'file'), 'text', { mode: 0o640 })
  execFileSync('mkfifo', [join(folder, 'pipe')])
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a file at the limit is read, with its mode', async () => {
  const read = await readBounded(join(folder, 'file'), 4)
  expect(read).toMatchObject({ ok: true, bytes: Buffer.from('text') })
  expect(read.ok && read.mode & 0o777).toBe(0o640)
})

test('one byte more is too large', async () => {
  expect(await readBounded(join(folder, 'file'), 3)).toEqual({ ok: false, fault: 'too_large' })
})

test('a file without a size is read to the limit, and is too large where it goes on', async () => {
  const whole = await readBounded('/proc/self/status', 65_536)
  expect(whole.ok && whole.bytes.toString()).toMatch(/^Name:/)
  expect(await readBounded('/proc/self/status', 8)).toEqual({ ok: false, fault: 'too_large' })
})

test.each([['.'], ['pipe']])('%s is not a file, and is not waited for', async (name) => {
  const read = await readBounded(join(folder, name), 4)
  expect(read).toEqual({ ok: false, fault: 'not_a_file' })
})

test('a device is not a file', async () => {
  expect(await readBounded('/dev/zero', 4)).toEqual({ ok: false, fault: 'not_a_file' })
})

test('a missing file is the error of the system', async () => {
  await expect(readBounded(join(folder, 'gone'), 4)).rejects.toMatchObject({ code: 'ENOENT' })
})
