import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { markFiles } from '../../../src/features/observe/file-mark.ts'

test('a mark is another one after each change of a file, and the same without one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ff-test-mark-'))
  const [one, log] = [join(folder, 'one'), join(folder, 'one/log')]
  const steps: readonly (() => Promise<unknown>)[] = [
    () => mkdir(one),
    () => writeFile(log, 'a'),
    () => appendFile(log, 'b'),
    () => rm(log),
    () => rm(folder, { recursive: true }),
  ]
  const marks = [await markFiles([folder])]
  for (const step of steps) {
    await step()
    marks.push(await markFiles([folder]))
    expect(await markFiles([folder])).toBe(marks.at(-1))
  }
  expect(new Set(marks).size).toBe(6)
  expect(marks.at(-1)).toContain('ENOENT')
})
