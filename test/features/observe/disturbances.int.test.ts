import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { noteDisturbance, readDisturbances } from '../../../src/features/observe/disturbances.ts'

const base = await mkdtemp(join(tmpdir(), 'ff-disturbances-'))
afterAll(() => rm(base, { recursive: true, force: true }))
let folder = ''
let now = 0
beforeEach(async () => {
  folder = await mkdtemp(join(base, 'one-'))
  now = 1_000
})
const note = (item: string) => noteDisturbance(folder, item, () => now)

test('names what disturbed the instances within a span, and nothing before or after', async () => {
  const end = await note('D1')
  now = 2_000
  await end()
  expect(await readDisturbances(folder, 1_500, 1_600)).toEqual(['D1'])
  expect(await readDisturbances(folder, 0, 1_000)).toEqual([])
  expect(await readDisturbances(folder, 2_001, 3_000)).toEqual([])
})

test('takes a probe that never ended for ended after a quarter of an hour', async () => {
  await note('F5')
  await note('D1')
  expect(await readDisturbances(folder, 5_000, 6_000)).toEqual(['D1', 'F5'])
  expect(await readDisturbances(folder, 901_001, 901_002)).toEqual([])
})

test('excuses nothing by lines that are torn, or of no form', async () => {
  expect(await readDisturbances(folder, 0, 9_000)).toEqual([])
  await appendFile(
    join(folder, 'disturbances.ndjson'),
    '{"item":"D1","at":1\n{"item":1,"kind":"began"}\n',
  )
  expect(await readDisturbances(folder, 0, 9_000)).toEqual([])
})

test('says what it could not note, and excuses nothing where the notes cannot be read', async () => {
  const file = join(folder, 'a-file')
  await writeFile(file, '')
  await expect(noteDisturbance(file, 'D1', () => now)).rejects.toMatchObject({
    code: 'evidence_unwritable',
    message: expect.stringContaining('disturbances.ndjson'),
  })
  await mkdir(join(folder, 'disturbances.ndjson'))
  expect(await readDisturbances(folder, 0, 9_000)).toEqual([])
})
