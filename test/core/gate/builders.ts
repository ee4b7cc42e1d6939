import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addMs } from '../../../src/core/gate/duration.ts'
import { digestItem, type InputTerms, selectInputs } from '../../../src/core/gate/inputs.ts'
import type { GateInput } from '../../../src/core/gate/judge-gate.ts'
import {
  PLACES,
  type Checklist,
  type ChecklistItem,
  type EvidenceDraft,
  type EvidenceEntry,
  type EvidenceHead,
  type CutoverIdentity,
  type Limit,
  type RunnerKey,
  type Scalar,
  type VerifiedSignoff,
  type Waiver,
  type WholeLog,
} from '../../../src/core/gate/types.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import { ROOT } from '../../support/run-ff.ts'

export const CHECKLIST = JSON.parse(
  readFileSync(join(ROOT, 'checklists/cutover_readiness_checklist.json'), 'utf8'),
) as Checklist
export const toItem = (id: string): ChecklistItem => {
  const found = CHECKLIST.items.find((one) => one.id === id)
  if (found === undefined) throw new Error(`the checklist has no ${id}`)
  return found
}

export const NOW = '2026-01-15T09:00:00.000Z' as Instant
export const at = (offsetMs: number): Instant => addMs(NOW, offsetMs)
export const RUNNER = 'r'.repeat(43)
export const IDENTITY: CutoverIdentity = {
  environment: 'production',
  cutover_id: 'flags-to-postgres',
  attempt: 1,
  database: '7/16384/ff/0123456789abcdef',
  schema_head: '0002_flags',
  code: 'sha256:abc',
  config_digest: 'c'.repeat(64),
  checklist_digest: 'd'.repeat(64),
  build: 'b'.repeat(64),
}

/** Values exactly at each limit of an item, which hold them all. */
export const holding = ({ limits }: ChecklistItem): Record<string, Scalar> =>
  Object.fromEntries(
    limits.flatMap(({ measure, value, or_times }) => [
      [measure, value],
      ...(or_times === undefined ? [] : [[or_times.measure, 0]]),
    ]),
  ) as Record<string, Scalar>

const CONTRACT = JSON.parse(readFileSync(join(ROOT, 'contracts/readiness_gate.json'), 'utf8')) as {
  readonly inputs: Readonly<Record<string, readonly string[]>>
}
/** The inputs of the floor, each with a digest of its own. */
export const INPUTS: InputTerms = {
  floor: CONTRACT.inputs,
  present: Object.fromEntries(
    Object.values(CONTRACT.inputs)
      .flat()
      .map((path, at) => [path, String(at).padStart(64, 'f')]),
  ),
}
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
/** The digest of each item of a checklist, by id. */
export const digestItems = ({ items }: Checklist): Readonly<Record<string, string>> =>
  Object.fromEntries(items.map((item) => [item.id, digestItem(item, sha256)]))
const ITEM_DIGESTS = digestItems(CHECKLIST)
const digestOnce = (item: ChecklistItem): string =>
  CHECKLIST.items.includes(item) ? String(ITEM_DIGESTS[item.id]) : digestItem(item, sha256)
/** A record that makes its item pass. */
export const passing = (item: ChecklistItem, identity = IDENTITY): EvidenceDraft => ({
  schemaVersion: 1,
  kind: 'measurement',
  item: item.id,
  probe: item.probe,
  where: item.where,
  effect: item.effect,
  result: 'pass',
  codes: [],
  measured: holding(item),
  limits: item.limits,
  sample_size: item.min_sample,
  control: null,
  met: { server: 'a test', attempt: identity.attempt ?? 1 },
  example: null,
  started_at: at(-120_000),
  ended_at: at(-60_000),
  inputs: selectInputs(item, INPUTS),
  identity: { ...identity, item_digest: digestOnce(item) },
  tool_version: '0.0.0',
})

/** The controls of an item that a command of the team measures. */
export const COMMAND_CONTROLS: ChecklistItem['controls'] = [
  { limit: 'exit_status', name: 'a control of the team', run: 'with_probe', max_age: 'P7D' },
]
/** A value that breaks a limit. */
const breaking = ({ measure, op, value, or_times }: Limit): Readonly<Record<string, Scalar>> => {
  const by = op === 'at_least' ? -1 : 1
  return {
    [measure]: typeof value === 'number' ? value + by : !value,
    ...(or_times === undefined ? {} : { [or_times.measure]: 0 }),
  }
}
/** A record of each control of an item, which detected its fault. */
export const detecting = (item: ChecklistItem, identity = IDENTITY): readonly EvidenceDraft[] =>
  item.controls.map(({ limit, name }) => {
    const { inputs: _, ...draft } = passing(item, identity)
    return {
      ...draft,
      kind: 'control',
      limit,
      where: 'scratch',
      measured: Object.assign(
        {},
        ...item.limits.filter(({ measure }) => measure === limit).map(breaking),
      ) as EvidenceDraft['measured'],
      control: { name, outcome: 'detected', at: at(-60_000) },
    }
  })
/** The controls of every item. */
export const CONTROLS = CHECKLIST.items.flatMap((item) => detecting(item))

/** Links records to a chain of distinct, made-up hashes, by default of the one runner. */
export const chained = (
  drafts: readonly EvidenceDraft[],
  runner = RUNNER,
): readonly EvidenceEntry[] =>
  drafts.map((draft, index) => ({
    record: { ...draft, seq: index + 1, prev_hash: getHash(index), recorded_at: at(-60_000) },
    hash: getHash(index + 1),
    runner,
  }))
export const getHash = (seq: number): string => String(seq).padStart(64, '0')
/** A log whose head was sealed now. */
export const toLog = (
  drafts: readonly EvidenceDraft[],
  { kid = RUNNER, ...head }: Partial<EvidenceHead> & { readonly kid?: string } = {},
): WholeLog => ({
  status: 'whole',
  kid,
  entries: chained(drafts, kid),
  head: {
    seq: drafts.length,
    hash: getHash(drafts.length),
    time: NOW,
    trust: null,
    withdrawn: [],
    ...head,
  },
})
/** The one log of a folder: these records, then every control. */
export const whole = (
  drafts: readonly EvidenceDraft[],
  controls: readonly EvidenceDraft[] = CONTROLS,
): WholeLogs => ({
  status: 'whole',
  logs: [toLog([...drafts, ...controls])],
})
type WholeLogs = Extract<GateInput['evidence'], { status: 'whole' }>
/** A named runner that is current. */
export const runner = (change: Partial<RunnerKey> = {}): RunnerKey => ({
  kid: RUNNER,
  name: 'ci',
  from: at(-90 * 86_400_000),
  until: at(86_400_000),
  places: PLACES,
  revoked: false,
  closed: null,
  ...change,
})

export const waiver = (change: Partial<Waiver> = {}): Waiver => ({
  id: 'WV-1',
  item: 'H4',
  environment: String(IDENTITY.environment),
  cutover_id: String(IDENTITY.cutover_id),
  attempt: Number(IDENTITY.attempt),
  covers: { state: 'fail', bounds: [{ measure: 'memory_share', op: 'at_most', value: 0.9 }] },
  reason: 'r',
  risk: 'r',
  compensation: 'c',
  requester: 'Rosalind',
  requested_at: at(-86_400_000),
  expires_at: at(86_400_000),
  approvals: [
    { person: 'Ada', role: 'platform-lead' },
    { person: 'Grace', role: 'security-lead' },
  ],
  ...change,
})

export const signed = (change: Partial<VerifiedSignoff> = {}): VerifiedSignoff => ({
  status: 'verified',
  signatures: [
    {
      role: 'platform-lead',
      person: 'Ada',
      kid: 'a',
      signed_at: at(-3_600_000),
      attests: ['I4', 'J1'],
    },
    {
      role: 'security-lead',
      person: 'Grace',
      kid: 'g',
      signed_at: at(-3_600_000),
      attests: ['A', 'F', 'G', 'G3', 'WV-1'],
    },
  ],
  accepted: Object.fromEntries(
    CHECKLIST.items.filter(({ kind }) => kind !== 'signature').map(({ id }) => [id, 'pass']),
  ),
  evidence_heads: [],
  valid_until: at(7 * 86_400_000),
  ...change,
})

/** The input of a GO: all 42 items pass, both roles signed, and the window lies ahead. */
export const go = (change: Partial<GateInput> = {}): GateInput => ({
  checklist: CHECKLIST,
  evidence: whole(CHECKLIST.items.map((item) => passing(item))),
  waivers: [],
  policy: { max_active: 3, max_days: 14 },
  signoff: signed(),
  inputs: INPUTS,
  item_digests: ITEM_DIGESTS,
  plan_now: holding(toItem('J1')),
  plan_until: at(6 * 86_400_000),
  staging_database: IDENTITY.database,
  expected: IDENTITY,
  runners: [runner()],
  sight: { trust: { version: 1, sha256: getHash(1) }, withdrawn: [] },
  pinned_heads: [],
  approvals_until: null,
  now: NOW,
  ...change,
})
/** Like `go`, with the record of one item changed. */
export const goBut = (
  id: string,
  change: Partial<EvidenceDraft>,
  more: Partial<GateInput> = {},
): GateInput =>
  go({
    evidence: whole(
      CHECKLIST.items.map((item) => {
        const draft = passing(item)
        const identity = { ...draft.identity, ...change.identity }
        return item.id === id ? { ...draft, ...change, identity } : draft
      }),
    ),
    ...more,
  })
