import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readGateInputs } from '../../../src/features/item-states/gate-inputs.ts'
import { ROOT } from '../../support/run-ff.ts'

test('a file that cannot be read ends the gate only after the evidence is free again', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'ff-gate-inputs-'))
  let locked = false
  const readEvidence = async () => {
    locked = true
    await sleep(50)
    locked = false
    return { log: null, head: null }
  }
  const request = {
    folder: { root: ROOT, cwd, checklist: join(cwd, 'missing.json') },
    evidence: cwd,
    trust_pin: null,
    code: null,
    schema_head: null,
    settings: {},
    now: () => new Date(),
  }
  await expect(readGateInputs(request, { readEvidence })).rejects.toThrow()
  expect(locked).toBe(false)
  await rm(cwd, { recursive: true })
})
