import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ComparedMark } from '../../../src/features/cutover/compared-mark.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-test-mark-'))
  await mkdir(join(folder, 'cutover'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('the first comparison since the host was started stays', async () => {
  const mark = new ComparedMark(folder)
  await expect(mark.read()).resolves.toBeNull()
  await mark.note(7)
  await mark.note(9)
  await expect(mark.read()).resolves.toBe(7)
  await expect(new ComparedMark(folder).read()).resolves.toBe(7)
})

test.each([
  ['of an earlier start of the host', '00000000-0000-4000-8000-000000000000 7\n'],
  ['cut off', '00000000-0000'],
  ['empty', ''],
])('a mark that is %s says nothing', async (_, text) => {
  await writeFile(join(folder, 'cutover', 'compared'), text)
  const mark = new ComparedMark(folder)
  await expect(mark.read()).resolves.toBeNull()
  await mark.note(3)
  await expect(mark.read()).resolves.toBe(3)
})
