import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRunnerKey } from '../../src/adapters/evidence-log/runner-key.ts'
import { adapters } from '../../src/composition.ts'
import { parseDurationMs } from '../../src/core/gate/duration.ts'
import { type EvidenceDraft, PLACES, type Where } from '../../src/core/gate/types.ts'
import { MINUTE_MS, type ObservedMinute, UNMEASURED } from '../../src/core/observe/minute.ts'
import type { GateReport } from '../../src/core/report/types.ts'
import { instantFromMs, instantToMs } from '../../src/core/rows/instant.ts'
import { openStagingRecording, readStagingRecording } from '../../src/features/observe/recording.ts'
import { createIdentityRoute, type InstanceIdentity } from '../../src/features/serve/identity.ts'
import { PROOF_LIMITS } from '../../src/features/serve/serve.ts'
import type { Envelope } from '../../src/core/signoff/types.ts'
import { envelopeText } from '../features/signoff/people.ts'
import { CHECKLIST, toItem } from '../core/gate/builders.ts'
import {
  appendRecords,
  copyGo,
  editJson,
  envOf,
  judgeGo,
  judgeRecords,
  makeControls,
  makePlayedGo,
  makeRecord,
  measureRecording,
  type PlayedGo,
  readVersion,
  runProbes,
} from '../support/played-go.ts'
import { PlayedStaging } from '../support/played-staging.ts'
import { runFf, spawnFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { openDatabaseTarget, type ServiceTarget } from '../support/service.ts'
import { storeFolder } from '../support/store-folder.ts'

let target: ServiceTarget
let store = ''
let go: PlayedGo
beforeAll(async () => {
  target = await openDatabaseTarget('18')
  store = await storeFolder([])
  const url = target.database?.url ?? ''
  // A place of its own: it was made for production.
  const adopted = { env: { FF_ENV: 'staging', FF_DATABASE_URL: url } }
  expect((await runFf(['migrate', 'up', '--adopt'], adopted)).status).toBe(0)
  const version = await readVersion(store)
  const staging = await PlayedStaging.open({ settings: target.env, store, version })
  go = await makePlayedGo(staging, { url, every: FULL ? 1 : 60 })
}, 240_000)
afterAll(async () => {
  await go.staging.close()
  await target.remove()
  for (const folder of [go.cwd, store]) await rm(folder, { recursive: true, force: true })
})

const listOpen = ({ items }: GateReport): readonly string[] =>
  items.filter(({ state }) => state !== 'pass').map(({ id }) => id)

test('48 h on two real admin ports, three runners and two people are a GO of 42 items, by the program too', async () => {
  const report = await judgeGo(go)
  expect([report.verdict, listOpen(report), report.findings]).toEqual(['go', [], []])
  expect(report.counts).toMatchObject({ expected: 42, compared: 42, neverReached: 0 })
  expect(report.counts.states.pass).toBe(42)
  expect(new Set(report.evidence_heads.map(({ runner }) => runner))).toEqual(new Set(PLACES))
  expect(report.signatures).toHaveLength(2)
  const h3 = report.items.find(({ id }) => id === 'H3')
  expect(h3?.evidence).toMatchObject({ sample_size: 345_600, met: { minutes: 2880, restarts: 0 } })
  const { status, stdout } = await spawnFf(['gate'], { cwd: go.cwd, env: envOf(go) })
  expect([status, stdout]).toEqual([0, expect.stringMatching(/all +42 {2}42 pass/)])
})

describe('the HTML of the gate', () => {
  const write = async ({ cwd }: PlayedGo): Promise<string> =>
    (await runFf(['gate', '--format', 'html'], { cwd, env: envOf(go) })).stdout
  test('shows the 48 h that H3 was measured on, also where the recording went on', async () => {
    const copy = await copyGo(go, true)
    await addMinutes(copy.cwd, [{ errors: 1, requests: 1 }])
    const [text, later] = [await write(go), await write(copy)]
    await rm(copy.cwd, { recursive: true })
    for (const one of [text, later]) {
      expect(one).toContain('2880 minutes clean, 0 minutes a probe disturbed staging')
      expect(one).toContain('Nothing began the time again.')
    }
  })
  test.each<readonly [string, (copy: PlayedGo) => Promise<unknown>, string]>([
    ['is away', (copy) => rm(minutesOf(copy)), 'The recording is not in this folder'],
    ['is altered', (copy) => editText(minutesOf(copy), forge), 'it does not verify'],
    ['is none', (copy) => replaceByFolder(minutesOf(copy)), 'it cannot be read'],
    ['is another one', recordAnew, 'another one than H3 was measured on'],
    [
      'is that of another runner',
      async (copy) => {
        await rm(join(copy.cwd, '.ff/runner.pem'))
        await makeRunnerKey(join(copy.cwd, '.ff/runner.pem'))
        await recordAnew(copy)
      },
      'another runner than measured H3',
    ],
    [
      'is not named by the record',
      async (copy) => appendRecords(copy, [await makeRecord(copy, 'H3')], 'staging'),
      'does not name its recording',
    ],
    [
      'was not measured',
      (copy) => rm(join(copy.cwd, '.ff/evidence'), { recursive: true }),
      'H3 has no record',
    ],
  ])('says why where the recording %s', async (_what, change, words) => {
    const copy = await copyGo(go, true)
    await change(copy)
    const text = await write(copy)
    await rm(copy.cwd, { recursive: true })
    expect(text).toContain(words)
    expect(text).not.toContain('Timeline of staging')
  })
})

/** Makes the records of a blemish of an item. */
type Records = (id: string) => Promise<readonly EvidenceDraft[]>
type Change = (draft: EvidenceDraft) => EvidenceDraft
const recorded =
  (change: Change): Records =>
  async (id) => [change(await makeRecord(go, id))]
const controlled =
  (change: Change): Records =>
  async (id) =>
    (await makeControls(id)).map(change)

/** A value past the first limit of an item. */
function breakLimit({ measured, ...draft }: EvidenceDraft): EvidenceDraft {
  const [limit] = draft.limits
  if (limit === undefined) throw new Error(`${draft.item} has no limit`)
  const { measure, op, value } = limit
  const by = op === 'at_least' ? -1 : 1_000_000
  const broken = typeof value === 'number' ? value + by : !value
  return { ...draft, result: 'fail', measured: { ...measured, [measure]: broken } }
}
const nothing = (code: string, result: 'inconclusive' | 'error' = 'inconclusive'): Records =>
  recorded((draft) => ({ ...draft, result, codes: [code], measured: {}, sample_size: 0 }))
const other = (identity: Partial<EvidenceDraft['identity']>): Records =>
  recorded((draft) => ({ ...draft, identity: { ...draft.identity, ...identity } }))
const ago = (ms: number) => instantFromMs(Date.now() - ms)

/** What can be wrong with the record of any item, and the reason. */
const OF_RECORDS: Readonly<Record<string, readonly [make: Records, code: string]>> = {
  'has broken its first limit': [recorded(breakLimit), 'limit_broken'],
  'failed in its probe': [recorded((draft) => ({ ...draft, result: 'fail' })), 'probe_failed'],
  'found no target': [nothing('target_missing'), 'target_missing'],
  'found a target that does not answer': [nothing('target_unreachable'), 'target_unreachable'],
  'was flaky': [nothing('flaky'), 'flaky'],
  'broke in its probe': [nothing('probe_broke', 'error'), 'probe_broke'],
  'lacks a measure': [recorded((draft) => ({ ...draft, measured: {} })), 'measure_missing'],
  'looked at too little': [
    recorded((draft) => ({ ...draft, sample_size: draft.sample_size - 1 })),
    'too_few_samples',
  ],
  'is too old': [
    recorded((draft) => {
      const at = ago(parseDurationMs(toItem(draft.item).max_age) + MINUTE_MS)
      return { ...draft, started_at: at, ended_at: at }
    }),
    'evidence_old',
  ],
  'is about other code': [other({ code: 'sha256:other' }), 'identity_changed'],
  'is about another schema': [other({ schema_head: '0001_first' }), 'identity_changed'],
  'is about other settings': [other({ config_digest: 'e'.repeat(64) }), 'identity_changed'],
  'is of another build': [other({ build: 'e'.repeat(64) }), 'build_differs'],
  'is of other limits': [other({ item_digest: 'e'.repeat(64) }), 'item_changed'],
  'is of another probe': [
    recorded((draft) => ({ ...draft, probe: { ...draft.probe, version: 99 } })),
    'probe_changed',
  ],
  'was measured elsewhere': [
    recorded((draft) => ({ ...draft, where: draft.where === 'target' ? 'staging' : 'target' })),
    'measured_elsewhere',
  ],
  'has a control that detected nothing': [
    controlled((draft) => ({
      ...draft,
      control: draft.control && { ...draft.control, outcome: 'not_detected' },
    })),
    'control_not_detected',
  ],
  'has a control of other code': [
    controlled((draft) => ({
      ...draft,
      identity: { ...draft.identity, code: 'sha256:other' },
    })),
    'control_stale',
  ],
}
const KINDS = Object.keys(OF_RECORDS)
/** Each item has one of the blemishes, in turn; in a full run all of them. */
const ITEM_ROWS = CHECKLIST.items
  .filter(({ kind }) => kind !== 'signature')
  .flatMap(({ id }, at) =>
    (FULL ? KINDS : [KINDS[at % KINDS.length]]).map((what) => {
      const [make, code] = OF_RECORDS[String(what)] ?? []
      if (make === undefined || code === undefined) throw new Error(what)
      return [id, what, make, code] as const
    }),
  )

/** Plants a blemish in a copy of the folder. */
type Plant = (copy: PlayedGo, id: string) => Promise<unknown>
type Row = readonly [id: string, what: string, plant: Plant, code: string]

const minutesOf = ({ cwd }: PlayedGo): string => join(cwd, MINUTES)
const forge = (text: string): string => text.replace('"errors":0', '"errors":1')
async function replaceByFolder(path: string): Promise<void> {
  await rm(path)
  await mkdir(path)
}
/** Another recording, of as many minutes as one needs. */
async function recordAnew(copy: PlayedGo): Promise<void> {
  const { minutes } = await readStagingRecording(adapters, go.cwd)
  await rm(minutesOf(copy))
  const key = { path: join(copy.cwd, '.ff/runner.pem'), make: false }
  const writer = await openStagingRecording(adapters, copy.cwd, key)
  for (const minute of minutes.slice(0, 3)) await writer.append(minute)
  await writer.close()
}
const own = ({ cwd }: PlayedGo, name: string): string => join(cwd, 'checklists', name)
const log = ({ cwd, runners }: PlayedGo, place: Where, name: string): string =>
  join(cwd, '.ff/evidence', runners[place].kid, name)
async function editText(path: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(path, 'utf8')
  const changed = change(text)
  if (changed === text) throw new Error(`nothing changed in ${path}`)
  await writeFile(path, changed)
}
const editSignatures = (
  copy: PlayedGo,
  change: (all: Envelope['signatures']) => Envelope['signatures'],
): Promise<void> =>
  editText(own(copy, 'signoff.json'), (text) => {
    const envelope = JSON.parse(text) as Envelope
    return envelopeText({ ...envelope, signatures: change(envelope.signatures) })
  })
const dropLast = (text: string): string => `${text.trimEnd().split('\n').slice(0, -1).join('\n')}\n`

/** What can be wrong beside the records; `gate` stands for a fault of the whole. */
const OF_FILES: readonly Row[] = [
  ['J2', 'without a sign-off', (copy) => rm(own(copy, 'signoff.json')), 'signature_missing'],
  ['J3', 'without a sign-off', (copy) => rm(own(copy, 'signoff.json')), 'signature_missing'],
  [
    'J3',
    'without the second signature',
    (copy) => editSignatures(copy, (all) => all.slice(0, 1)),
    'signature_missing',
  ],
  [
    'J3',
    'one signature twice',
    (copy) => editSignatures(copy, ([one]) => (one === undefined ? [] : [one, one])),
    'key_repeated',
  ],
  [
    'J2',
    'a later failure of an item that was signed as a pass',
    async (copy) => appendRecords(copy, [breakLimit(await makeRecord(copy, 'B1'))], 'target'),
    'failed_since_signing',
  ],
  [
    'J1',
    'another runbook',
    (copy) => appendFile(own(copy, 'runbook.md'), 'and then this\n'),
    'input_changed',
  ],
  [
    'J2',
    'another runbook than was signed',
    (copy) => appendFile(own(copy, 'runbook.md'), 'and then this\n'),
    'inputs_changed',
  ],
  [
    'B4',
    'more replicas in the plan',
    (copy) => editJson(own(copy, 'plan.json'), { replicas: 99 }),
    'input_changed',
  ],
  [
    'E5',
    'a higher peak in the plan',
    (copy) => editJson(own(copy, 'plan.json'), { peak_requests_per_second: 99_999 }),
    'input_changed',
  ],
  [
    'I4',
    'other rollback triggers',
    (copy) => editText(own(copy, 'rollback_triggers.json'), (text) => `${text}\n`),
    'input_changed',
  ],
  [
    'B1',
    'another attempt',
    (copy) => editJson(own(copy, 'plan.json'), { attempt: 2 }),
    'identity_changed',
  ],
  [
    'D1',
    'another database of staging',
    (copy) => editJson(own(copy, 'plan.json'), { staging_database: '1/1/ff/0000000000000000' }),
    'measured_elsewhere',
  ],
  ['gate', 'no trust file', (copy) => rm(own(copy, 'trust.json')), 'trust_missing'],
  [
    'gate',
    'another trust file than the pin names',
    (copy) => editText(own(copy, 'trust.json'), (text) => `${text} `),
    'trust_pin_mismatch',
  ],
  [
    'A1',
    'the log of scratch away',
    (copy) => rm(log(copy, 'scratch', ''), { recursive: true }),
    'evidence_missing',
  ],
  [
    'gate',
    'a record of target cut off',
    (copy) => editText(log(copy, 'target', 'evidence.ndjson'), dropLast),
    'evidence_cut',
  ],
  [
    'gate',
    'a record of target edited',
    (copy) =>
      editText(log(copy, 'target', 'evidence.ndjson'), (text) => text.replace('"pass"', '"fail"')),
    'evidence_edited',
  ],
  [
    'B1',
    'measured by the runner of scratch',
    async (copy) => appendRecords(copy, [await makeRecord(copy, 'B1')], 'scratch'),
    'runner_not_for_place',
  ],
]

const MINUTES = '.ff/observation/minutes.ndjson'
type Minutes = readonly (Partial<ObservedMinute> & { readonly after?: number })[]
/** Adds minutes to the recording, each so long after the last one and changed. */
async function addMinutes(cwd: string, changes: Minutes): Promise<void> {
  const key = { path: join(cwd, '.ff/runner.pem'), make: false }
  const writer = await openStagingRecording(adapters, cwd, key)
  for (const { after = 1, ...change } of changes) {
    const last = writer.last as ObservedMinute
    const minute = instantFromMs(instantToMs(last.minute) + after * MINUTE_MS)
    await writer.append({ ...last, restarts: 0, errors: 0, divergences: {}, minute, ...change })
  }
  await writer.close()
}
const times = <T>(count: number, make: (at: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, at) => make(at))
const SLOW = (p99: number) => ({ p50: 1, p95: 1, p99 })
const FULL_DISK = {
  memory: { used: 1, limit: 100 },
  connections: { used: 1, limit: 100 },
  disk: UNMEASURED,
}
/** What can be wrong with the recording, which the real probes then read. */
const OF_RECORDINGS: readonly (readonly [
  id: string,
  what: string,
  minutes: Minutes,
  code: string,
])[] = [
  ['H3', 'a gap of six minutes', [{ after: 7 }], 'limit_broken'],
  ['H3', 'a minute with a failure of 1 %', [{ requests: 100, errors: 1 }], 'limit_broken'],
  [
    'H3',
    'a minute with a slow database',
    [{ latency: { file: SLOW(1), database: SLOW(51) } }],
    'limit_broken',
  ],
  ['H3', 'a divergence', [{ divergences: { '/value': 1 } }], 'limit_broken'],
  [
    'H3',
    'a divergence while a probe disturbed staging',
    [{ divergences: { '/reason': 1 }, disturbed_by: ['D1'] }],
    'limit_broken',
  ],
  [
    'H3',
    'an instance that restarts every ten minutes',
    times(61, (at) => ({ restarts: at % 10 === 0 ? 1 : 0 })),
    'limit_broken',
  ],
  ['H3', 'a silent instance', [{ instances: 1 }], 'limit_broken'],
  ['H3', 'a clock set back', [{ after: -3 }], 'proof_inconclusive'],
  ['H3', 'a jump of the monotonic clock', [{ measured_ms: 90_000 }], 'limit_broken'],
  ['H3', 'instances that became others', [{ identities: ['other'] }], 'proof_inconclusive'],
  [
    'H3',
    'a drill of a quarter of an hour and a minute',
    times(16, () => ({ drill: true })),
    'limit_broken',
  ],
  [
    'H4',
    'a disk that was not measured for half an hour',
    times(31, () => ({ resources: FULL_DISK })),
    'limit_broken',
  ],
]

/** What the real program refuses to read. */
const OF_FORGERIES: readonly Row[] = [
  [
    'H3',
    'a forged minute',
    async (copy, id) => {
      await editText(minutesOf(copy), forge)
      await runProbes(copy, [id])
    },
    'evidence_untrusted',
  ],
  [
    'H3',
    'lines of two observers at once',
    async (copy, id) => {
      const path = minutesOf(copy)
      const before = await readFile(path)
      await addMinutes(copy.cwd, [{}])
      const first = await readFile(path)
      await writeFile(path, before)
      await addMinutes(copy.cwd, [{ errors: 1 }])
      const second = (await readFile(path)).subarray(before.length)
      await writeFile(path, Buffer.concat([first, second]))
      await runProbes(copy, [id])
    },
    'evidence_untrusted',
  ],
  [
    'H3',
    'a recording of another runner',
    async (copy, id) => {
      await rm(join(copy.cwd, '.ff/observation'), { recursive: true })
      await runProbes(copy, [id])
    },
    'target_missing',
  ],
]

/** What can be wrong with the instances of staging, which the probes then ask. */
const OF_STAGING: readonly Row[] = [
  [
    'H3',
    'an admin port that is closed',
    (copy, id) => runProbes(copy, [id], { FF_STAGING_URL: replaceAdmin(CLOSED) }),
    'target_unreachable',
  ],
  [
    'H4',
    'a staging that is production',
    (copy, id) => besideLiar({ environment: 'prod' }, (url) => runProbes(copy, [id], url)),
    'production_refused',
  ],
  [
    'H3',
    'instances of two builds',
    (copy, id) => besideLiar({ build: 'e'.repeat(64) }, (url) => runProbes(copy, [id], url)),
    'identity_not_said',
  ],
  [
    'D1',
    'a token without the scope',
    async (copy, id) => {
      const path = join(copy.cwd, 'tokens')
      const token = (sub: string): string =>
        `x.${Buffer.from(JSON.stringify({ sub, tid: 'T1', scope: 'flags:read' })).toString('base64url')}.x`
      await writeFile(path, times(5, (at) => token(`u${at}`)).join('\n'), { mode: 0o600 })
      await runProbes(copy, [id], { FF_STAGING_TOKEN_FILE: path })
    },
    'target_missing',
  ],
]
const httpObserver = { replied: () => undefined, failed: () => undefined }
const CLOSED = 'http://127.0.0.1:9'
/** FF_STAGING_URL with another admin port for the second instance. */
const replaceAdmin = (admin: string): string => {
  const [first, second] = go.staging.addresses
  return `${first?.service},${first?.admin} ${second?.service},${admin}`
}
/** Runs a command beside an admin port that says what the instances say, but for `change`. */
async function besideLiar(
  change: Partial<InstanceIdentity>,
  use: (env: { readonly FF_STAGING_URL: string }) => Promise<unknown>,
): Promise<void> {
  const said = await fetch(`${go.staging.addresses[0]?.admin}/identity`)
  const identity = { ...((await said.json()) as InstanceIdentity), ...change }
  const route = await createIdentityRoute(() => Promise.resolve(identity), null)
  const at = { host: '127.0.0.1', port: 0 }
  const server = await adapters.openServer([route], { at, limits: PROOF_LIMITS, httpObserver })
  try {
    await use({ FF_STAGING_URL: replaceAdmin(server.origin) })
  } finally {
    await server.drain(0)
  }
}

const expectBlemish = (report: GateReport, id: string, code: string): void => {
  expect(report.verdict).not.toBe('go')
  expect(report.exitCode).not.toBe(0)
  expect(report.items.find((one) => one.id === id)?.codes).toContain(code)
  // Nothing else but the signatures, which a failure ends.
  expect(listOpen(report).filter((one) => !['J2', 'J3', id].includes(one))).toEqual([])
}
test('there are 60 blemishes and more, of every item', () => {
  const rows = [...ITEM_ROWS, ...OF_FILES, ...OF_RECORDINGS, ...OF_FORGERIES, ...OF_STAGING]
  expect(rows.length).toBeGreaterThan(60)
  const ids = new Set(rows.map(([id]) => id))
  expect(CHECKLIST.items.filter(({ id }) => !ids.has(id))).toEqual([])
  const kinds = new Set<string | undefined>(ITEM_ROWS.map(([, what]) => what))
  expect(KINDS.filter((what) => !kinds.has(what))).toEqual([])
})
describe('a blemish of a record takes the GO away, with its reason', () => {
  test.each(ITEM_ROWS)('%s %s', async (id, _what, make, code) => {
    expectBlemish(await judgeRecords(go, await make(id), toItem(id).where), id, code)
  })
})
describe('a blemish of a file takes the GO away, with its reason', () => {
  test.each(OF_FILES)('%s: %s', async (id, _what, plant, code) => {
    const { findings, verdict, exitCode } = await judgeBlemish(id, plant)
    expect(verdict).not.toBe('go')
    expect(exitCode).not.toBe(0)
    expect(findings.filter(({ subject }) => subject === id).map((one) => one.code)).toContain(code)
  })
})
describe('a blemish of the recording takes the GO away, with its reason', () => {
  const judge = async (id: string, minutes: Minutes): Promise<GateReport> => {
    const copy = await copyGo(go, true)
    await addMinutes(copy.cwd, minutes)
    const draft = await measureRecording(go, id, copy.cwd)
    await rm(copy.cwd, { recursive: true })
    return judgeRecords(go, [draft], 'staging')
  }
  test.each(['H3', 'H4'])('%s: none where as many minutes more are clean', async (id) => {
    const { verdict, exitCode } = await judge(
      id,
      Array.from({ length: 61 }, () => ({})),
    )
    expect([verdict, exitCode]).toEqual(['go', 0])
  })
  test.each(OF_RECORDINGS)('%s: %s', async (id, _what, minutes, code) => {
    expectBlemish(await judge(id, minutes), id, code)
  })
})
describe('a forged recording and another staging take the GO away, with their reason', () => {
  test.each([...OF_FORGERIES, ...OF_STAGING])('%s: %s', async (id, _what, plant, code) => {
    expectBlemish(await judgeBlemish(id, plant, { recording: true }), id, code)
  })
})

async function judgeBlemish(
  id: string,
  plant: Plant,
  { recording = false }: { readonly recording?: boolean } = {},
): Promise<GateReport> {
  const copy = await copyGo(go, recording)
  try {
    await plant(copy, id)
    return await judgeGo(copy)
  } finally {
    await rm(copy.cwd, { recursive: true })
  }
}
