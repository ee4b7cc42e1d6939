import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROBES } from '../../../src/features/probes/index.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import type { ChecklistItem } from '../../../src/core/gate/types.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { FULL } from '../../support/scale.ts'
import {
  expectDetected,
  expectHeld,
  getControl,
  MEASURED,
  planAhead,
  RUNBOOK,
  runFaults,
  scratchIn,
  toContext,
  toItem,
} from './context.ts'

/** Small enough for a test; how many is data. */
const SMALL: Readonly<Record<string, object>> = {
  A4: { unknown_kids: 40 },
  E2: { cells: 360, cases: 60 },
  G1: { operations: 30, kills: 1 },
  ...(FULL ? {} : { C4: { writes: 80 }, C5: { writers: 20, edits: 5 } }),
}
/** Whose control takes as long as the selftest of the harness does: its own test runs a part of it. */
const SLOW: ReadonlySet<string> = new Set(['E3'])
/** They look at stores that hold rows: `database-probes.e2e.test.ts` makes those, and spoils them. */
const FILLED: ReadonlySet<string> = new Set(['B1', 'B2', 'B4', 'C1', 'C2', 'G2', 'G3', 'I3'])
/** What else the machine does is in their numbers: `load-probes.e2e.test.ts` knows how to live with that. */
const PACED: ReadonlySet<string> = new Set(['E5', 'F5'])
/** They share what they need of a machine: `cache-probes.int.test.ts` runs them. */
const CACHED: ReadonlySet<string> = new Set(['D1', 'D2', 'D3', 'D4'])
/** They ask endpoints or Admin, or read metrics: measured, with their faults, by the tests named after those. */
const ASKED: ReadonlySet<string> = new Set(['A1', 'A3', 'A5', 'E4', 'F1', 'F2', 'F3', 'F4', 'H1'])
/** They move a cutover between two processes: `cutover-probes.e2e.test.ts` runs them. */
const MOVED: ReadonlySet<string> = new Set(['C3', 'I1', 'I2'])
/** They read a recording of staging, or its instances: `recording-probes.int.test.ts` makes those. */
const RECORDED: ReadonlySet<string> = new Set(['H3', 'H4', 'I4'])
const getParams = (item: ChecklistItem): ProbeContext['params'] => ({
  ...item.probe.params,
  ...SMALL[item.id],
})

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
const here = (item: ChecklistItem): ProbeContext =>
  toContext({ targets: scratchIn(database), cwd, plan: planAhead(), params: getParams(item) })

const HOLDS = '%s holds, is no constant, and sees the fault of each limit'
async function holds(_id: string, item: ChecklistItem, probe: Probe): Promise<void> {
  const limits = item.limits.filter(({ measure }) => measure !== 'random_cases')
  expectHeld(item, await probe.measure(here(item)), limits)
  expectDetected(item, await runFaults(probe, here(item)))
}

describe('put to the real thing, and to the deliberate fault', () => {
  const elsewhere = new Set([
    ...SLOW,
    ...FILLED,
    ...PACED,
    ...CACHED,
    ...ASKED,
    ...MOVED,
    ...RECORDED,
  ])
  const quick = MEASURED.filter(([id]) => !elsewhere.has(id))
  const exclusive = quick.filter(([, , { isolation }]) => isolation === 'exclusive')
  // The command runs these at the same time, too.
  test.concurrent.each(quick.filter((one) => !exclusive.includes(one)))(HOLDS, holds, 120_000)
  const LONG = { timeout: 120_000 }
  test.concurrent('E3 finds out an entry that does nothing, for each proof', LONG, async () => {
    const probe = PROBES['parity-selftest'] as Probe
    // Two files take a quarter less time: the test of the selftest plants its faults on a database.
    const targets = { ...scratchIn(database), scratch: { kind: 'file', folder: null } as const }
    const context = { ...here(toItem('E3')), targets }
    const { measured, example } = await getControl(probe, 'caught_gap')(context)
    expect(measured).toEqual({ caught_gap: 7, catalogue: 7 })
    expect(example).toContain('fault_not_caught')
  })
  test.each(exclusive)(HOLDS, holds, 120_000)
})
