import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CheckReport } from '../../src/core/report/types.ts'
import { gateFolder } from '../support/gate-folder.ts'
import { migratedDatabase, type TestDatabase } from '../support/database.ts'
import { onScript } from '../support/pty.ts'
import { type Run, runFf } from '../support/run-ff.ts'

const HOUR_MS = 3_600_000
const later = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString()
const folders: string[] = []
let database: TestDatabase
beforeAll(async () => {
  database = await migratedDatabase('18')
})
afterAll(async () => {
  await database.drop()
  for (const cwd of folders) await rm(cwd, { recursive: true, force: true })
})

async function initialised(): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), 'ff-plan-'))
  folders.push(cwd)
  expect((await runFf(['init'], { cwd })).status).toBe(0)
  return cwd
}
const readPlan = async (cwd: string) =>
  JSON.parse(await readFile(join(cwd, 'checklists/plan.json'), 'utf8'))
async function check(cwd: string, env: Readonly<Record<string, string>> = {}) {
  const { status, stdout } = await runFf(['plan', 'check', '--format', 'json'], { cwd, env })
  const { items } = JSON.parse(stdout) as CheckReport
  const broken = items.filter(({ state }) => state !== 'pass')
  return { status, broken: broken.map(({ id }) => id), next: broken.map(({ next }) => next) }
}

describe('V22: ff plan new', () => {
  test('fills in all that can be known, and ff plan check names the rest', async () => {
    const cwd = await initialised()
    await writeFile(join(cwd, 'checklists/runbook.md'), 'the steps\n')
    const env = { FF_DATABASE_URL: database.url }
    const from = later(48)
    const run = await runFf(['plan', 'new', '--cutover', 'mine', '--from', from], { cwd, env })
    expect([run.status, run.stderr]).toEqual([0, ''])
    const plan = await readPlan(cwd)
    expect(plan).toMatchObject({
      cutover_id: 'mine',
      environment: 'production',
      attempt: 1,
      window: { from, until: expect.any(String) },
      runbook_digest: createHash('sha256').update('the steps\n').digest('hex'),
    })
    expect(plan.database).toMatch(/^[1-9]\d*\/[1-9]\d*\/ff/)
    expect(await check(cwd, env)).toMatchObject({
      status: 20,
      broken: ['on_call_unnamed', 'on_call_too_few', 'admin_out_of_step'],
    })
    for (const place of ['on_call', 'admin', 'replicas']) expect(run.stdout).toContain(place)
  })

  test('asks on a terminal for the people; then every rule holds', async () => {
    const cwd = await initialised()
    await writeFile(join(cwd, 'checklists/runbook.md'), 'the steps\n')
    const env = { FF_DATABASE_URL: database.url }
    const people = ['Ada', 'ada@x', 'Grace', 'grace@x']
    const admin = ['go', '1'.repeat(64), later(-1), 'admin@x']
    const script = [...people, ...admin].map((one) => ['(empty: later)', `${one}\n`] as const)
    const run = await onScript(['plan', 'new'], script, { cwd, env })
    expect(run.status).toBe(0)
    expect(await check(cwd, env)).toEqual({ status: 0, broken: [], next: [] })
  })

  test('without a database or a runbook says so, and ff plan check names the values once they are there', async () => {
    const cwd = await initialised()
    const { stdout } = await runFf(['plan', 'new'], { cwd })
    for (const part of ['set FF_DATABASE_URL', 'write checklists/runbook.md'])
      expect(stdout).toContain(part)
    expect((await check(cwd)).broken).toContain('database_unnamed')
    await writeFile(join(cwd, 'checklists/runbook.md'), 'the steps\n')
    const { broken, next } = await check(cwd, { FF_DATABASE_URL: database.url })
    expect(broken).toEqual([
      'on_call_unnamed',
      'on_call_too_few',
      'admin_out_of_step',
      'runbook_differs',
      'database_unnamed',
    ])
    // What it says is what there is to write.
    const values = next.flatMap((text) => [
      ...(text ?? '').matchAll(/"(runbook_digest|database)": "([^"]+)"/g),
    ])
    const plan = await readPlan(cwd)
    for (const [, name, value] of values) plan[name as 'database'] = value
    await writeFile(join(cwd, 'checklists/plan.json'), JSON.stringify(plan))
    const after = await check(cwd, { FF_DATABASE_URL: database.url })
    expect(after.broken).toEqual(['on_call_unnamed', 'on_call_too_few', 'admin_out_of_step'])
  })

  const refused: readonly (readonly [string, readonly string[], string])[] = [
    ['a window that is over', ['--from', later(-1)], 'option_invalid'],
    ['a window more than 7 days away', ['--from', later(169)], 'option_invalid'],
    ['an id that the plan cannot hold', ['--cutover', 'Not An Id'], 'artefact_invalid'],
    ['a database that is none', ['--database', 'embeded'], 'target_invalid'],
  ]
  test.each(refused)('refuses %s and writes nothing', async (_what, args, code) => {
    const cwd = await initialised()
    const run = await runFf(['plan', 'new', ...args], { cwd })
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining(`[${code}, exit usage]`)])
    await expect(readPlan(cwd)).rejects.toMatchObject({ code: 'ENOENT' })
  })
  test('never overwrites a plan', async () => {
    const cwd = await initialised()
    await runFf(['plan', 'new'], { cwd })
    const before = await readPlan(cwd)
    const run = await runFf(['plan', 'new', '--cutover', 'other'], { cwd })
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('[file_exists,')])
    expect(await readPlan(cwd)).toEqual(before)
  })
})

describe('ff plan check', () => {
  type Plan = Record<string, never>
  const wanted: readonly (readonly [string, (plan: Plan) => object, readonly string[]])[] = [
    ['a plan that holds', (plan) => plan, []],
    [
      'a window that is over',
      (plan) => ({ ...plan, window: { from: later(-8), until: later(-4) }, freeze: FREEZE }),
      ['window_over'],
    ],
    [
      'a window too far ahead',
      (plan) => ({ ...plan, window: { from: later(200), until: later(204) }, freeze: FREEZE }),
      ['window_too_far'],
    ],
    [
      'one person twice',
      (plan) => ({ ...plan, on_call: [0, 1].map(() => ({ role: 'r', name: 'A', contact: 'a' })) }),
      ['on_call_too_few'],
    ],
    [
      'another runbook',
      (plan) => ({ ...plan, runbook_digest: '0'.repeat(64) }),
      ['runbook_differs'],
    ],
  ]
  const FREEZE = { from: later(-9), until: later(300) }
  test.each(wanted)('%s', async (_what, change, broken) => {
    const cwd = await gateFolder()
    folders.push(cwd)
    await writeFile(
      join(cwd, 'checklists/plan.json'),
      JSON.stringify(change((await readPlan(cwd)) as Plan)),
    )
    const found = await check(cwd)
    expect(found).toMatchObject({ status: broken.length === 0 ? 0 : 20, broken })
    for (const next of found.next) expect(next).toMatch(/\S/)
  })
  test('a database that is not the one of the plan', async () => {
    const cwd = await gateFolder()
    folders.push(cwd)
    const found = await check(cwd, { FF_DATABASE_URL: database.url })
    expect([found.status, found.broken]).toEqual([20, ['database_differs']])
  })
  test('without a plan names the command that writes one', async () => {
    const run: Run = await runFf(['plan', 'check'], { cwd: await initialised() })
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('`ff plan new`')])
  })
})
