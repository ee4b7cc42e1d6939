import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { judgeFolder, judgeInputs, runGateCheck } from '../../../src/features/gate/gate.ts'
import { readSignoffFiles } from '../../../src/features/team-folder/signoff-files.ts'
import type { GateReport } from '../../../src/core/report/types.ts'
import { ROOT } from '../../support/run-ff.ts'
import { INPUTS, COMMAND_CONTROLS, toItem } from '../../core/gate/builders.ts'
import { inputsIn } from '../../support/gate-folder.ts'
import {
  ADAPTERS,
  measureAgain,
  requestIn,
  signFolder,
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
  controls: COMMAND_CONTROLS,
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

type Plan = Record<string, unknown>
const PLAN = 'checklists/plan.json'
/** Rewrites the plan of a folder. */
async function changePlan({ cwd }: SignedFolder, change: (plan: Plan) => Plan): Promise<void> {
  const path = join(cwd, 'checklists/plan.json')
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')) as Plan)))
}

test('V1: a plan and a runbook that were replaced after J1 passed are stale, also signed anew', async () => {
  const folder = await make()
  await changePlan(folder, (plan) => ({
    ...plan,
    admin: { ...(plan['admin'] as object), verdict: 'no_go' },
    on_call: ['platform', 'database'].map((role) => ({
      role,
      name: 'to be named',
      contact: 'to be named',
    })),
    runbook_digest: '0'.repeat(64),
  }))
  await writeFile(join(folder.cwd, 'checklists/runbook.md'), 'another way\n')
  await signFolder(folder.cwd, folder.env.FF_TRUST_SHA256)
  const report = await gate(folder)
  expect(report.verdict).not.toBe('go')
  expect(report.exitCode).not.toBe(0)
  expect(stateOf(report, 'J1')).toMatchObject({
    state: 'stale',
    codes: ['input_changed'],
    detail: 'checklists/plan.json; checklists/runbook.md',
  })
})

test('V1: the rules of the plan are judged again at the gate, whatever a record of the same plan says', async () => {
  const folder = await make()
  await changePlan(folder, (plan) => ({
    ...plan,
    admin: { ...(plan['admin'] as object), verdict: 'no_go' },
  }))
  await measureAgain(folder, 'J1')
  expect(stateOf(await gate(folder), 'J1')).toMatchObject({
    state: 'fail',
    codes: ['limit_broken'],
    detail: 'plan_faults; admin_in_step',
  })
})

const DAY_MS = 86_400_000
const later = (time: unknown): string =>
  new Date(Date.parse(String(time)) + 30 * DAY_MS).toISOString()
const moved = (plan: Plan, name: string): object => {
  const { from, until } = plan[name] as Plan
  return { from: later(from), until: later(until) }
}
test.each<readonly [string, (plan: Plan) => Plan, readonly string[]]>([
  ['500 replicas', (plan) => ({ ...plan, replicas: 500 }), ['B4', 'J1']],
  ['a higher peak', (plan) => ({ ...plan, peak_requests_per_second: 100_000 }), ['E5', 'J1']],
  [
    'a window 30 days later',
    (plan) => ({ ...plan, window: moved(plan, 'window'), freeze: moved(plan, 'freeze') }),
    ['J1'],
  ],
])('V3: %s in the plan makes exactly what depends on it stale', async (_what, change, ids) => {
  const folder = await make()
  await changePlan(folder, change)
  const report = await gate(folder)
  expect(report.exitCode).toBe(21)
  const changed = report.items.filter(({ codes }) => codes.includes('input_changed'))
  expect(changed.map(({ id, state }) => [id, state])).toEqual(ids.map((id) => [id, 'stale']))
  expect(report.remeasure).toBe(`ff probe run ${ids.join(' ')}`)
})

test('V3: rollback triggers that were removed make I4 stale', async () => {
  const folder = await make()
  await rm(join(folder.cwd, 'checklists/rollback_triggers.json'))
  const report = await gate(folder)
  expect(report.exitCode).toBe(21)
  expect(stateOf(report, 'I4')).toMatchObject({
    state: 'stale',
    codes: ['input_changed'],
    detail: 'checklists/rollback_triggers.json',
  })
})

test('each input of each item, changed or removed, makes it no pass and is named', async () => {
  const files = { 'signals.mjs': 'sound', 'control.mjs': 'faulty' }
  const folder = await make({ checklist: commanded, files })
  const floor = { ...INPUTS.floor, H1: ['./signals.mjs', 'control.mjs'] }
  const pairs = Object.entries(floor).flatMap(([id, paths]) =>
    paths.map((path) => [id, path] as const),
  )
  const { present } = await inputsIn(folder.cwd)
  expect(pairs.filter(([, path]) => !Object.hasOwn(present, path))).toEqual([])
  const seen: unknown[] = []
  for (const [id, path] of pairs) {
    const [file = '', member] = path.split('#/')
    const place = join(folder.cwd, file)
    const text = await readFile(place, 'utf8')
    const changed =
      member === undefined
        ? `${text}\n`
        : JSON.stringify({ ...(JSON.parse(text) as Plan), [member]: 3 })
    for (const next of [changed, null]) {
      await (next === null ? rm(place) : writeFile(place, next))
      const report = await gate(folder)
      const found = stateOf(report, id)
      // Without a plan no place is that of staging.
      const isUnplaced = next === null && toItem(id).where === 'staging' && file === PLAN
      const [state, code] = isUnplaced
        ? ['inconclusive', 'measured_elsewhere']
        : ['stale', 'input_changed']
      expect([id, path, found?.state, found?.codes]).toEqual([
        id,
        path,
        state,
        expect.arrayContaining([code]),
      ])
      expect(found?.detail).toContain(isUnplaced ? 'no staging_database' : path)
      expect(report.exitCode).not.toBe(0)
      seen.push([id, path, next])
      await writeFile(place, text)
    }
    expect((await gate(folder)).exitCode).toBe(0)
  }
  expect(seen).toHaveLength(14)
})

test('a decision file with another runbook is no GO, nor the GO that it says', async () => {
  const folder = await make()
  const decided = await judgeFolder(
    await requestIn(folder.cwd, folder.env.FF_TRUST_SHA256),
    ADAPTERS,
  )
  const { inputs } = decided.texts
  expect(Object.keys(inputs)).toEqual(['checklists/runbook.md'])
  expect(decided.judgement.verdict).toBe('go')
  const other = { 'checklists/runbook.md': Buffer.from('another').toString('base64url') }
  for (const spoiled of [other, {}]) {
    const texts = { ...decided.texts, inputs: spoiled }
    const { judgement } = await judgeInputs({ ...decided, texts }, ADAPTERS)
    expect(judgement.exitName).toBe('not_ready')
    expect(judgement.items.find(({ id }) => id === 'J1')).toMatchObject({
      state: 'stale',
      detail: 'checklists/runbook.md',
    })
  }
})

test('layout and other members of the plan are no change of an item that uses one member', async () => {
  const folder = await make()
  await changePlan(folder, ({ replicas, ...plan }) => ({ replicas, ...plan, attempt: 1 }))
  const report = await gate(folder)
  expect([stateOf(report, 'B4')?.state, stateOf(report, 'E5')?.state]).toEqual(['pass', 'pass'])
})
