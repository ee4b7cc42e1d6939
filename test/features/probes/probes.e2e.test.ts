import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROBES } from '../../../src/features/probes/index.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { runProbe } from '../../../src/features/probes/framework/run-probe.ts'
import type { ChecklistItem } from '../../../src/core/gate/types.ts'
import { adapters } from '../../../src/composition.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import {
  HOUR_MS,
  ITEMS,
  MEASURED,
  planAhead,
  RUNBOOK,
  scratchIn,
  TERMS,
  toContext,
  toItem,
} from './context.ts'

let database: TestDatabase
let cwd = ''
beforeAll(async () => {
  database = await createDatabase('18')
  cwd = await mkdtemp(join(tmpdir(), 'ff-probes-'))
  await mkdir(join(cwd, 'checklists'))
  await writeFile(join(cwd, 'checklists/runbook.md'), RUNBOOK)
})
afterAll(async () => {
  await database.drop()
  await rm(cwd, { recursive: true, force: true })
})
const here = (item: ChecklistItem, change: Partial<ProbeContext> = {}): ProbeContext =>
  toContext({
    targets: scratchIn(database),
    cwd,
    plan: planAhead(),
    params: item.probe.params,
    ...change,
  })

describe('the table of probes', () => {
  test('holds a probe for each item of the checklist', () => {
    expect(MEASURED.map(([id]) => id)).toEqual(ITEMS.map(({ id }) => id))
  })
  test.each(MEASURED)('%s has the version that the checklist names', (_id, item, probe) => {
    expect(probe.version).toBe(item.probe.version)
  })
})

/** Probes that need only the verifier of the gate or an Admin of their own, which are always available. */
const SELF_CONTAINED: ReadonlySet<string> = new Set(['F2', 'F3', 'J2', 'J3'])
describe('pointed at a closed port and an empty folder', () => {
  const closed = { kind: 'postgres', url: 'postgres://127.0.0.1:1/x', name: 'x' } as const
  const pointed = MEASURED.filter(([id]) => !SELF_CONTAINED.has(id))
  test.each(pointed)('%s is inconclusive, and names the missing part', async (_id, item, probe) => {
    const nowhere = join(tmpdir(), `ff-none-${randomBytes(6).toString('hex')}`)
    const targets = {
      scratch: closed,
      database: closed,
      store: { kind: 'file', folder: nowhere },
    } as const
    const context = toContext({ root: nowhere, cwd: nowhere, targets })
    const draft = await runProbe(item, probe, { context, terms: TERMS })
    expect([draft.result, draft.measured, draft.sample_size]).toEqual(['inconclusive', {}, 0])
    expect(draft.codes[0]).toMatch(/^(target_|artefact_|system_)/)
    expect(draft.example?.length).toBeGreaterThan(20)
  })
  test.each(MEASURED.filter(([, item]) => ['write', 'disrupt'].includes(item.effect)))(
    '%s is inconclusive with all its artefacts available',
    async (_id, item, probe) => {
      const targets = { scratch: closed, database: closed, store: null }
      const draft = await runProbe(item, probe, { context: toContext({ targets }), terms: TERMS })
      expect([draft.result, draft.codes]).toEqual(['inconclusive', ['target_unreachable']])
    },
  )
})

test('on the real subject, and on the planted fault', async () => {
  const versions = { oldest: 15, newest: 18 }
  const other = await createDatabase('18')
  const [one, again, two] = await Promise.all(
    [database, database, other].map(({ url, name }) =>
      adapters.identifyDatabase({ kind: 'postgres', url, name }, versions),
    ),
  )
  await other.drop()
  expect(one).toMatch(/^\d{15,20}\/\d+\/ff\/none$/)
  expect(again).toBe(one)
  expect([two?.split('/')[0], two]).toEqual([
    one?.split('/')[0],
    expect.not.stringMatching(one as string),
  ])
})

describe('J1 on a plan', () => {
  const measured = async (change: object) => {
    const plan = planAhead(change)
    return (await (PROBES['plan'] as Probe).measure(here(toItem('J1'), { plan }))).measured
  }
  const on = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString()
  test.each([
    [
      'whose window is over a week ahead',
      { window: { from: on(200), until: on(201) }, freeze: { from: on(1), until: on(300) } },
      { plan_faults: 0, window_starts_in_h: 200 },
    ],
    [
      'with one person on call',
      { on_call: [{ role: 'r', name: 'Ada', contact: 'c' }] },
      { on_call: 1 },
    ],
    [
      'with one person twice',
      { on_call: [1, 2].map(() => ({ role: 'r', name: 'Ada', contact: 'c' })) },
      { on_call: 1 },
    ],
    [
      'with a person on call still to be named',
      { on_call: [{ role: 'r', name: 'to be named', contact: 'c' }] },
      { on_call: 0, plan_faults: 1 },
    ],
    [
      'for which Admin is not ready',
      { admin: { ...planAhead().admin, verdict: 'not_ready' } },
      { admin_in_step: false },
    ],
    ['with another runbook', { runbook_digest: '3'.repeat(64) }, { runbook_matches: false }],
  ])('%s', async (_what, change, expected) => {
    const found = await measured(change)
    const whole = Object.fromEntries(
      Object.entries(found).map(([name, value]) => [
        name,
        typeof value === 'number' ? Math.round(value) : value,
      ]),
    )
    expect(whole).toMatchObject(expected)
  })
})
