import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openCutoverFolder } from '../../../src/adapters/file-store/cutover-file.ts'
import { openFileWriter } from '../../../src/adapters/file-store/file-side.ts'
import { createStore } from '../../../src/adapters/file-store/file-store.ts'
import { EMPTY_HEAD } from '../../../src/core/audit/record.ts'
import { followRecord } from '../../../src/core/cutover/record.ts'
import { instantFromMs } from '../../../src/core/rows/instant.ts'
import { settleAloneStep } from '../../../src/features/cutover/settle-alone-step.ts'
import type { AloneStep, CopiedChange, CutoverFile } from '../../../src/ports/cutover.ts'
import { temporaryFolder, TOOLS } from '../../adapters/store-contract/opened-store.ts'

let folder = ''
let file: CutoverFile
let step: AloneStep
beforeEach(async () => {
  folder = await temporaryFolder()
  await createStore(folder)
  file = await openCutoverFolder(folder)
  const { record } = await file.read()
  step = {
    record: followRecord(record, { attempt: 2, database: null }),
    event: { actor: 'eva', occurred_at: instantFromMs(1_000) },
    said: { stopped: 'unplugged' },
  }
})
afterEach(() => rm(folder, { recursive: true }))

/** What the next holder of the lock finds, after what a command has left. */
async function settle(): Promise<readonly CopiedChange[]> {
  const held = await openFileWriter(folder, TOOLS, { end: false, boundMs: 0 })
  if (held === null) throw new Error('the lock is held')
  await settleAloneStep(file, held.writer)
  expect(await file.readAloneStep()).toBeNull()
  const changes = await held.writer.changes(EMPTY_HEAD, 10)
  await held.close()
  return changes
}

test('a command that was killed behind its decision has its boundary record from the next writer, once', async () => {
  await file.writeAloneStep(step)
  await file.writeRecord(step.record, 1)
  const [made, ...others] = await settle()
  expect(others).toEqual([])
  expect(made?.record).toMatchObject({ seq: 1, actor: 'eva', target: 'cutover/file' })
  expect(JSON.parse(made?.record.after ?? '')).toEqual({
    epoch: 2,
    phase: 'file',
    stopped: 'unplugged',
  })
  // Killed before it noted that the record is there.
  await file.writeAloneStep(step)
  expect(await settle()).toHaveLength(1)
})

test('one that was killed before its decision leaves none', async () => {
  await file.writeAloneStep(step)
  expect(await settle()).toEqual([])
})
