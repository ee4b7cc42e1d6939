import { tmpdir } from 'node:os'
import { expect } from 'vitest'
import type { Adapters } from '../../../src/ports/adapters.ts'
import { loadChecklist } from '../../../src/features/team-folder/load-gate-files.ts'
import type { ProbeRecordTerms } from '../../../src/features/probes/framework/run-probe.ts'
import { findProbe } from '../../../src/features/probes/index.ts'
import { isDetected } from '../../../src/core/gate/controls.ts'
import type { Measurement } from '../../../src/core/gate/judge-measurement.ts'
import { judgeLimits } from '../../../src/core/gate/limits.ts'
import type { Measure, Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import type { ChecklistItem } from '../../../src/core/gate/types.ts'
import { adapters } from '../../../src/composition.ts'
import type { TestDatabase } from '../../support/database.ts'
import { ROOT } from '../../support/run-ff.ts'

export const ITEMS = (await loadChecklist({ root: ROOT, cwd: tmpdir(), checklist: null })).checklist
  .value.items
export function toItem(id: string): ChecklistItem {
  const found = ITEMS.find((one) => one.id === id)
  if (found === undefined) throw new Error(`no item ${id}`)
  return found
}

/** Each item that a probe measures, and the probe. */
export const MEASURED = ITEMS.flatMap(
  (item): readonly (readonly [string, ChecklistItem, Probe])[] => {
    const found = findProbe(item)
    return found.ok ? [[item.id, item, found.probe]] : []
  },
)
/** What each control of a probe measures, by its measure; a fault that stands for several measures runs once. */
export async function runFaults(
  { controls }: Probe,
  context: ProbeContext,
): Promise<ReadonlyMap<string, Measurement>> {
  const done = new Map<Measure, Measurement>()
  for (const control of new Set(controls.values())) done.set(control, await control(context))
  return new Map([...controls].map(([name, one]) => [name, done.get(one) as Measurement]))
}
/** The control of one measure. */
export function getControl({ controls }: Probe, measure: string): Measure {
  const found = controls.get(measure)
  if (found === undefined) throw new Error(`no control of ${measure}`)
  return found
}

/** Expects that the limits of an item hold, and that the probe met something. @param limits all of the item by default */
export function expectHeld(
  { limits: all }: ChecklistItem,
  { measured, met, sample_size }: Measurement,
  limits = all,
): void {
  expect(limits.length).toBeGreaterThan(0)
  expect(judgeLimits(limits, measured).filter(({ held }) => !held)).toEqual([])
  expect(Object.keys(met).length).toBeGreaterThan(1)
  expect(sample_size).toBeGreaterThan(0)
}
/** Expects that the control of each measure breaks its limit. */
export function expectDetected(
  item: ChecklistItem,
  faults: ReadonlyMap<string, Measurement>,
): void {
  expect(faults.size).toBeGreaterThan(0)
  const missed = [...faults].filter(([measure, found]) => !isDetected(item, measure, found))
  expect(missed.map(([measure, { measured }]) => [measure, measured])).toEqual([])
}

/** The real thing, pointed at what a test has. */
export const toContext = (change: Partial<ProbeContext> = {}): ProbeContext => ({
  root: ROOT,
  cwd: tmpdir(),
  adapters,
  targets: { scratch: { kind: 'embedded' }, database: null, store: null },
  environment: 'prod',
  plan: null,
  params: {},
  now: () => new Date(),
  signal: new AbortController().signal,
  progress: () => undefined,
  ...change,
})
/** The real adapters with some replaced. */
export const toAdapters = (change: Partial<Adapters>): Adapters => ({ ...adapters, ...change })

export const TERMS: ProbeRecordTerms = {
  identity: {
    environment: null,
    cutover_id: null,
    attempt: null,
    database: null,
    schema_head: '0006_cutover',
    code: 'sha256:of-a-test',
    config_digest: null,
    checklist_digest: null,
    build: 'b'.repeat(64),
  },
  tool_version: '0.0.0',
  repeat: 1,
}

/** Of a staging whose cutover nothing moves. */
export const NO_CUTOVER = { leaseMs: 5_000, drainMs: 0, digestKey: new Uint8Array(32) } as const

export const HOUR_MS = 3_600_000
export const RUNBOOK = 'turn the key'
/** A plan that passes J1, with the runbook that it names. */
export function planAhead(change: object = {}): NonNullable<ProbeContext['plan']> {
  const at = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString()
  return {
    kind: 'cutover_plan',
    schemaVersion: 1,
    cutover_id: 'x',
    attempt: 1,
    environment: 'staging',
    database: '1/1/ff/0123456789abcdef',
    window: { from: at(24), until: at(28) },
    freeze: { from: at(1), until: at(48) },
    peak_requests_per_second: 1,
    replicas: 2,
    on_call: ['Ada', 'Grace'].map((name) => ({ role: 'on call', name, contact: `${name}@x` })),
    admin: { checklist_digest: '1'.repeat(64), verdict: 'go', date: at(-1), contact: 'admin@x' },
    runbook_digest: RUNBOOK_DIGEST,
    ...change,
  } as NonNullable<ProbeContext['plan']>
}
const RUNBOOK_DIGEST = '5f87cb774049414f61f3d283c2a3d2f2d72340cefc62b914b5d0d1afa7cddf29'

/** For the targets of a context: scratch stores are made in this database. */
export const scratchIn = ({ url, name }: TestDatabase): ProbeContext['targets'] => ({
  scratch: { kind: 'postgres', url, name },
  database: null,
  store: null,
})
