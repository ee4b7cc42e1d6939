import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { runGateCheck } from '../../../src/features/gate/gate.ts'
import { readSignoffFiles } from '../../../src/features/team-folder/signoff-files.ts'
import type { GateReport } from '../../../src/core/report/types.ts'
import { ROOT } from '../../support/run-ff.ts'
import {
  ADAPTERS,
  requestIn,
  type SignedFolder,
  signedFolder,
} from '../../support/signed-folder.ts'

const made: SignedFolder[] = []
afterEach(async () => {
  for (const { cwd } of made.splice(0)) await rm(cwd, { recursive: true, force: true })
})
async function make(wanted?: Parameters<typeof signedFolder>[0]): Promise<SignedFolder> {
  const folder = await signedFolder(wanted)
  made.push(folder)
  return folder
}
const gate = async ({ cwd, env }: SignedFolder): Promise<GateReport> =>
  runGateCheck(await requestIn(cwd, env.FF_TRUST_SHA256), ADAPTERS)
const stateOf = (report: GateReport, id: string) => report.items.find((one) => one.id === id)

/** H1 is measured by a command of the team, whose files lie in the folder. */
const commanded = (items: readonly Record<string, unknown>[]): void => {
  Object.assign(items.find(({ id }) => id === 'H1') ?? {}, COMMAND)
}
const COMMAND = {
  kind: 'command',
  probe: {
    name: 'command',
    version: 1,
    params: {
      argv: ['node', './signals.mjs', '/etc/hostname', '..', 'x'.repeat(300), 'checklists'],
      control_argv: ['node', 'control.mjs'],
      timeout_s: 10,
    },
  },
  limits: [{ measure: 'exit_status', op: 'equals', value: 0, unit: 'status' }],
  min_sample: 1,
}

test('V2: a runbook that is replaced after the sign-off makes the signatures stale', async () => {
  const folder = await make()
  expect((await gate(folder)).exitCode).toBe(0)
  await writeFile(join(folder.cwd, 'checklists/runbook.md'), 'another way\n')
  const report = await gate(folder)
  expect(report.exitCode).toBe(21)
  expect(stateOf(report, 'J2')).toMatchObject({ state: 'stale', codes: ['inputs_changed'] })
})

test.each(['signals.mjs', 'control.mjs'])(
  'a team command whose %s is replaced after the sign-off makes the signatures stale',
  async (name) => {
    const files = { 'signals.mjs': 'sound', 'control.mjs': 'faulty' }
    const folder = await make({ checklist: commanded, files })
    expect((await gate(folder)).exitCode).toBe(0)
    await writeFile(join(folder.cwd, name), 'another program')
    const report = await gate(folder)
    expect(report.exitCode).toBe(21)
    expect(stateOf(report, 'J2')).toMatchObject({ state: 'stale', codes: ['inputs_changed'] })
  },
)

test('inputs are the runbook and the words of team commands that are files of the folder', async () => {
  const { cwd } = await make({ checklist: commanded, files: { 'signals.mjs': 'sound' } })
  const { inputs } = await readSignoffFiles({ root: ROOT, cwd, checklist: null })
  expect(Object.keys(inputs)).toEqual(['checklists/runbook.md', './signals.mjs'])
  expect(inputs['./signals.mjs']).toBe(Buffer.from('sound').toString('base64url'))
})

test('an input of another size than a file of people has is refused', async () => {
  const { cwd } = await make()
  await writeFile(join(cwd, 'checklists/runbook.md'), Buffer.alloc(16_777_217))
  await expect(readSignoffFiles({ root: ROOT, cwd, checklist: null })).rejects.toMatchObject({
    code: 'artefact_invalid',
    details: [expect.stringContaining('checklists/runbook.md')],
  })
})
