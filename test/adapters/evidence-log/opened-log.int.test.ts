import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openEvidenceLog } from '../../../src/adapters/evidence-log/opened-log.ts'
import { readRunnerKey } from '../../../src/adapters/evidence-log/runner-key.ts'
import type { EvidenceShapes } from '../../../src/ports/evidence.ts'
import { toNeeds } from '../../support/gate-folder.ts'

const shapes: EvidenceShapes = { isLine: () => true, isHead: () => true }
let parent = ''
let folder = ''
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'ff-opened-'))
})
beforeEach(async () => {
  folder = await mkdtemp(join(parent, 'log-'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))

async function open(path: string, make: boolean) {
  const key = { path, make }
  const { writer, runner } = await openEvidenceLog(folder, { ...toNeeds(shapes), key })
  await writer.close()
  return { ...runner, writer: writer.kid }
}

describe('the log of a runner', () => {
  test('begins with a new key, and goes on with it', async () => {
    const path = join(folder, 'keys/runner.pem')
    const { kid, made, writer } = await open(path, true)
    expect({ made, writer }).toEqual({ made: true, writer: kid })
    expect((await readRunnerKey(path)).kid).toBe(kid)
    expect(await open(path, true)).toEqual({ kid, made: false, writer: kid })
    expect(await open(path, false)).toEqual({ kid, made: false, writer: kid })
    expect(await readdir(join(folder, kid))).toContain('head.json')
  })

  test('is not begun without a key that may be made', async () => {
    const path = join(folder, 'runner.pem')
    await expect(open(path, false)).rejects.toMatchObject({ code: 'runner_key_invalid' })
    expect(await readdir(folder)).toEqual([])
  })

  test('is not begun where the key cannot be written', async () => {
    await writeFile(join(folder, 'file'), '')
    const path = join(folder, 'file', 'runner.pem')
    await expect(open(path, true)).rejects.toMatchObject({ code: 'evidence_unwritable' })
  })
})
