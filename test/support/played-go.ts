import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openEvidence } from '../../src/adapters/evidence-log/evidence-log.ts'
import { makeRunnerKey, type SigningRunner } from '../../src/adapters/evidence-log/runner-key.ts'
import { behaviouralSettings, loadSettings } from '../../src/commands/settings.ts'
import { adapters } from '../../src/composition.ts'
import { selectInputs } from '../../src/core/gate/inputs.ts'
import {
  type EvidenceDraft,
  type EvidenceEntry,
  PLACES,
  type Where,
  type WholeLog,
} from '../../src/core/gate/types.ts'
import type { GateReport } from '../../src/core/report/types.ts'
import { instantFromMs } from '../../src/core/rows/instant.ts'
import { findProbe } from '../../src/features/probes/index.ts'
import { runProbe } from '../../src/features/probes/framework/run-probe.ts'
import { judgeInputs, runGateCheck, toReport } from '../../src/features/gate/gate.ts'
import { readGateInputs } from '../../src/features/item-states/gate-inputs.ts'
import { loadGateFiles } from '../../src/features/team-folder/load-gate-files.ts'
import { NO_CUTOVER, toContext } from '../features/probes/context.ts'
import { detecting, passing, toItem } from '../core/gate/builders.ts'
import { tools, trustText } from '../features/signoff/people.ts'
import {
  BUILD,
  CODE,
  fullEvidence,
  gateFolder,
  identityIn,
  inputsIn,
  toNeeds,
} from './gate-folder.ts'
import { type PlayedStaging, playObservation } from './played-staging.ts'
import { ROOT, type Run, runFf } from './run-ff.ts'
import { FULL } from './scale.ts'
import { ADAPTERS, readTrust, requestIn, signFolder } from './signed-folder.ts'

/** Items that the real probes measure, on the played recording. */
const OBSERVED: ReadonlySet<string> = new Set(['H3', 'H4'])
const HOUR_MS = 3_600_000
const MINUTES = 48 * 60

/** A team's folder with a GO: a runner for each place, 48 hours of staging, two signatures. */
export interface PlayedGo {
  readonly cwd: string
  readonly runners: Readonly<Record<Where, SigningRunner>>
  readonly pin: string
  /** The identity of staging's database. */
  readonly database: string
  readonly staging: PlayedStaging
}

/** What the instances of staging run, as the evidence of a gate folder says it. */
export const readVersion = async (cwd: string) => ({
  code: CODE,
  schema_head: '0006_cutover',
  build: BUILD,
  settings: behaviouralSettings(await loadSettings({}, cwd)),
})

/** Plays 48 hours of staging that ended three hours ago, measures them, and lets both people sign. */
export async function makePlayedGo(
  staging: PlayedStaging,
  { url, every }: { readonly url: string; readonly every: number },
): Promise<PlayedGo> {
  const cwd = await gateFolder()
  const spec = { kind: 'postgres', url, name: 'staging' } as const
  const database = await adapters.identifyDatabase(spec, { oldest: 15, newest: 18 })
  await editJson(join(cwd, 'checklists/plan.json'), { staging_database: database })
  const key = join(cwd, '.ff/runner.pem')
  const others = await mkdtemp(join(tmpdir(), 'ff-keys-'))
  const runners = {
    staging: await makeRunnerKey(key),
    target: await makeRunnerKey(join(others, 'target.pem')),
    scratch: await makeRunnerKey(join(others, 'scratch.pem')),
  }
  await rm(others, { recursive: true })
  const from = Math.floor(Date.now() / 60_000) * 60_000 - 51 * HOUR_MS
  await playObservation(staging, { cwd, key, from, minutes: MINUTES, every })
  for (const place of PLACES)
    await fullEvidence(
      cwd,
      (draft) =>
        draft.where === place && !OBSERVED.has(draft.item) ? placed(draft, database) : null,
      { known: runners[place] },
    )
  const trust = trustText({
    ...readTrust(runners.staging),
    runners: PLACES.flatMap((place) =>
      readTrust(runners[place]).runners.map((one) => ({
        ...one,
        name: place,
        places: [place],
        from: instantFromMs(from - 30 * 24 * HOUR_MS),
      })),
    ),
  })
  await writeFile(join(cwd, 'checklists/trust.json'), trust)
  const go = { cwd, runners, pin: tools.sha256(trust), database, staging }
  const { status, stdout, stderr } = await runProbes(go, ['H3', 'H4'])
  if (status !== 0) throw new Error(`ff probe run H3 H4 ended ${status}: ${stdout}${stderr}`)
  await signFolder(cwd, go.pin)
  facts = readFactsAnew(go)
  await facts
  return go
}

const placed = (draft: EvidenceDraft, database: string): EvidenceDraft =>
  draft.where === 'staging' ? { ...draft, identity: { ...draft.identity, database } } : draft

/** Changes members of a JSON file. */
export async function editJson(path: string, change: object): Promise<void> {
  const value = JSON.parse(await readFile(path, 'utf8')) as object
  await writeFile(path, JSON.stringify({ ...value, ...change }))
}

/** Settings of a command in the folder. */
export const envOf = ({ pin, staging }: PlayedGo): Readonly<Record<string, string>> => ({
  FF_CODE_VERSION: CODE,
  FF_TRUST_SHA256: pin,
  FF_STAGING_URL: staging.url,
})

/** `ff probe run` on the runner of staging. */
export const runProbes = (
  go: PlayedGo,
  ids: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> => runFf(['probe', 'run', ...ids], { cwd: go.cwd, env: { ...envOf(go), ...env } })

/** A copy of the folder; with the recording where asked, which is large. */
export async function copyGo(go: PlayedGo, recording: boolean): Promise<PlayedGo> {
  const cwd = await mkdtemp(join(tmpdir(), 'ff-blemish-'))
  await mkdir(join(cwd, '.ff'))
  const parts = ['evidence', 'runner.pem', ...(recording ? ['observation'] : [])]
  const run = promisify(execFile)
  await run('cp', ['-Rp', join(go.cwd, 'checklists'), cwd])
  await run('cp', ['-Rp', ...parts.map((one) => join(go.cwd, '.ff', one)), join(cwd, '.ff')])
  return { ...go, cwd }
}

/** The report of the gate in the folder. */
export const judgeGo = async ({ cwd, pin }: PlayedGo): Promise<GateReport> =>
  runGateCheck(await requestIn(cwd, pin), ADAPTERS)

/**
 * The report of the gate with further records of a runner: in a full run those of a copy of the folder, else appended to
 * the verified logs in memory.
 */
export async function judgeRecords(
  go: PlayedGo,
  drafts: readonly EvidenceDraft[],
  place: Where,
): Promise<GateReport> {
  if (FULL) {
    const copy = await copyGo(go, false)
    await appendRecords(copy, drafts, place)
    const report = await judgeGo(copy)
    await rm(copy.cwd, { recursive: true })
    return report
  }
  const { kid } = go.runners[place]
  const judgeEvidence: typeof ADAPTERS.judgeEvidence = async (texts, shapes) => {
    verified ??= ADAPTERS.judgeEvidence(texts, shapes)
    const found = await verified
    if (found.status === 'untrusted') return found
    const logs = found.logs.map((log) =>
      log.kid === kid ? { ...log, entries: [...log.entries, ...toEntries(log, drafts)] } : log,
    )
    return { ...found, logs }
  }
  const { inputs } = await readFacts()
  const now = (): Date => new Date()
  const at = instantFromMs(now().getTime())
  return toReport(await judgeInputs({ ...inputs, at }, { ...ADAPTERS, judgeEvidence }), now)
}
let verified: ReturnType<typeof ADAPTERS.judgeEvidence> | undefined

/** What the gate reads of the sound folder, and what its records say, read once. */
async function readFacts(): ReturnType<typeof readFactsAnew> {
  if (facts === undefined) throw new Error('no GO was played')
  return facts
}
let facts: ReturnType<typeof readFactsAnew> | undefined
async function readFactsAnew({ cwd, pin }: PlayedGo) {
  const inputs = await readGateInputs(await requestIn(cwd, pin), ADAPTERS)
  return { inputs, identity: await identityIn(cwd), terms: await inputsIn(cwd) }
}

const toEntries = (
  { kid, entries }: WholeLog,
  drafts: readonly EvidenceDraft[],
): readonly EvidenceEntry[] =>
  drafts.map((draft, at) => ({
    record: {
      ...draft,
      seq: entries.length + at + 1,
      prev_hash: at === 0 ? (entries.at(-1)?.hash ?? '') : `${at - 1}`.padStart(64, '0'),
      recorded_at: instantFromMs(Date.now() - 100),
    },
    hash: `${at}`.padStart(64, '0'),
    runner: kid,
  }))

const JUST_NOW_MS = 200
/** A passing record of an item, measured just now. */
export async function makeRecord(go: PlayedGo, id: string): Promise<EvidenceDraft> {
  const item = toItem(id)
  const { identity, terms } = await readFacts()
  const inputs = selectInputs(item, terms)
  const at = instantFromMs(Date.now() - JUST_NOW_MS)
  const draft = { ...passing(item, identity), inputs, started_at: at, ended_at: at }
  return placed(draft, go.database)
}

/** A record of each control of an item, which detected its fault just now. */
export async function makeControls(id: string): Promise<readonly EvidenceDraft[]> {
  const at = instantFromMs(Date.now() - JUST_NOW_MS)
  const drafts = detecting(toItem(id), (await readFacts()).identity)
  return drafts.map((one) => ({ ...one, started_at: at, ended_at: at }))
}

/** What the real probe of an item records of the recording of a folder, without its controls. */
export async function measureRecording(
  go: PlayedGo,
  id: string,
  cwd: string,
): Promise<EvidenceDraft> {
  const item = toItem(id)
  const found = findProbe(item)
  if (!found.ok) throw new Error(`no probe of ${id}`)
  const { plan } = await loadGateFiles({ root: ROOT, cwd: go.cwd, checklist: null })
  const unused = {
    tokens: [],
    redis: null,
    admin: null,
    approval: null,
    faults: null,
    cutover: NO_CUTOVER,
  } as const
  const staging = { instances: go.staging.addresses, scopeClaim: 'scope', ...unused } as const
  const targets = { scratch: { kind: 'embedded' }, database: null, store: null, staging } as const
  const context = toContext({ cwd, plan, targets, runner: go.runners.staging.kid })
  const { identity } = await readFacts()
  const terms = { identity, tool_version: '0.0.0', repeat: 1 }
  const draft = await runProbe(item, found.probe, { context, terms })
  const { item_digest = '' } = passing(item).identity
  return { ...draft, identity: { ...draft.identity, item_digest }, inputs: {} }
}

/** Appends records as the runner of a place. */
export async function appendRecords(
  { cwd, runners }: PlayedGo,
  drafts: readonly EvidenceDraft[],
  place: Where,
): Promise<void> {
  const files = await loadGateFiles({ root: ROOT, cwd, checklist: null })
  const log = await openEvidence(join(cwd, '.ff/evidence'), runners[place], toNeeds(files))
  for (const draft of drafts) await log.append(draft)
  await log.close()
}
