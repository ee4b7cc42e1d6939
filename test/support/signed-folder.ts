import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { Adapters } from '../../src/ports/adapters.ts'
import { loadSignoffContext, buildPresentFacts } from '../../src/features/signoff/context.ts'
import { readGateState } from '../../src/features/signoff/verify-for-gate.ts'
import { requestSignoff } from '../../src/features/signoff/request.ts'
import { behaviouralSettings, loadSettings } from '../../src/commands/settings.ts'
import { type EvidenceDraft, PLACES } from '../../src/core/gate/types.ts'
import type { Envelope, TrustFile, WaiverEntry } from '../../src/core/signoff/types.ts'
import { formatWaiver } from '../../src/core/signoff/waivers.ts'
import { selectInputs } from '../../src/core/gate/inputs.ts'
import { instantFromMs, type Instant } from '../../src/core/rows/instant.ts'
import type { GateRequest } from '../../src/features/item-states/gate-inputs.ts'
import { openEvidence } from '../../src/adapters/evidence-log/evidence-log.ts'
import { judgeTexts } from '../../src/adapters/evidence-log/judge-texts.ts'
import { readEvidence } from '../../src/adapters/evidence-log/log-files.ts'
import { readRunnerKey, type SigningRunner } from '../../src/adapters/evidence-log/runner-key.ts'
import { loadGateFiles } from '../../src/features/team-folder/load-gate-files.ts'
import { signoffCrypto } from '../../src/adapters/key-files/crypto.ts'
import { tryLock } from '../../src/adapters/file-lock/file-lock.ts'
import { signoffKeys } from '../../src/adapters/key-files/index.ts'
import { detecting, passing, toItem } from '../core/gate/builders.ts'
import {
  alice,
  asSigner,
  bob,
  encode,
  envelopeText,
  toHeader,
  type Person,
  signAs,
  signRaw,
  tools,
  TRUST,
  trustText,
} from '../features/signoff/people.ts'
import {
  BUILD,
  CODE,
  fullEvidence,
  gateFolder,
  identityIn,
  inputsIn,
  toNeeds,
} from './gate-folder.ts'
import { ROOT } from './run-ff.ts'

/** A team's folder whose verdict is GO: 42 signed records, a pinned trust file, and two signatures. */
export interface SignedFolder {
  readonly cwd: string
  readonly runner: SigningRunner
  /** Settings that a process in the folder needs. */
  readonly env: Readonly<Record<'FF_CODE_VERSION' | 'FF_TRUST_SHA256', string>>
}
interface SignedFolderOptions {
  /** H4 fails, within the bound of an approved waiver. */
  readonly waived?: boolean
  /** Changes the items of the team's checklist before anything is measured. */
  readonly checklist?: (items: readonly Record<string, unknown>[]) => void
  /** Further files by their path in the folder. */
  readonly files?: Readonly<Record<string, string>>
  /** Maps each record before it is written. */
  readonly change?: (draft: EvidenceDraft) => EvidenceDraft
}

const DAY_MS = 86_400_000
const soon = (ms: number): Instant => instantFromMs(Date.now() + ms)
const window = () => ({ from: soon(-DAY_MS), until: soon(90 * DAY_MS) })

/** The files of a signed folder as it was made. */
interface Made {
  readonly folder: SignedFolder
  readonly atMs: number
  readonly files: readonly (readonly [path: string, bytes: Buffer, mode: number])[]
}
const made = new Map<boolean, Made>()
const MAX_AGE_MS = 60_000

/** Creates a signed folder. Without further options it is a copy of one of the last minute, which takes less CPU time. */
export async function signedFolder(options: SignedFolderOptions = {}): Promise<SignedFolder> {
  const { waived = false, ...others } = options
  if (Object.keys(others).length > 0) return makeFolder(options)
  const last = made.get(waived)
  if (last !== undefined && Date.now() - last.atMs < MAX_AGE_MS) return copyMade(last)
  const folder = await makeFolder(options)
  made.set(waived, { folder, atMs: Date.now(), files: await readFiles(folder.cwd) })
  return folder
}

async function readFiles(cwd: string): Promise<Made['files']> {
  const entries = await readdir(cwd, { recursive: true, withFileTypes: true })
  const paths = entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  return Promise.all(
    paths.map(async (path) => {
      const [bytes, { mode }] = await Promise.all([readFile(path), stat(path)])
      return [relative(cwd, path), bytes, mode] as const
    }),
  )
}

async function copyMade({ folder, files }: Made): Promise<SignedFolder> {
  const cwd = await mkdtemp(join(tmpdir(), 'ff-gate-'))
  for (const [path, bytes, mode] of files) {
    await mkdir(dirname(join(cwd, path)), { recursive: true, mode: 0o700 })
    await writeFile(join(cwd, path), bytes, { mode })
  }
  return { ...folder, cwd }
}

async function makeFolder({
  waived = false,
  checklist,
  files = {},
  change = keepDraft,
}: SignedFolderOptions): Promise<SignedFolder> {
  const cwd = await gateFolder()
  if (checklist !== undefined) await changeChecklist(cwd, checklist)
  for (const [path, text] of Object.entries(files)) await writeFile(join(cwd, path), text)
  const put = (name: string, text: string): Promise<void> =>
    writeFile(join(cwd, 'checklists', name), text)
  const runner = await fullEvidence(cwd, waived ? leaking : change)
  const trust = trustText(readTrust(runner))
  await put('trust.json', trust)
  if (waived) await put('waivers.json', approvedWaivers())
  const pin = tools.sha256(trust)
  await signFolder(cwd, pin)
  return { cwd, runner, env: { FF_CODE_VERSION: CODE, FF_TRUST_SHA256: pin } }
}

/** Requests a statement of the folder as it is now, and both sign it. */
export async function signFolder(cwd: string, pin: string): Promise<void> {
  const { envelope, attests } = await prepareSignoff(cwd, pin)
  const signatures = [alice, bob].map((who) =>
    signAs(envelope.payload, who, { signed_at: soon(0), attests: [...attests[who.role]] }),
  )
  await writeFile(join(cwd, 'checklists/signoff.json'), envelopeText({ ...envelope, signatures }))
}

const keepDraft = (draft: EvidenceDraft): EvidenceDraft => draft

async function changeChecklist(
  cwd: string,
  change: NonNullable<SignedFolderOptions['checklist']>,
): Promise<void> {
  const path = join(cwd, 'checklists/cutover_readiness_checklist.json')
  const value = JSON.parse(await readFile(path, 'utf8')) as { items: Record<string, unknown>[] }
  change(value.items)
  await writeFile(path, JSON.stringify(value))
}

/** Changes the trust file of the folder. @returns the pin of the new one */
export async function changeTrust(cwd: string, change: Partial<TrustFile>): Promise<string> {
  const path = join(cwd, 'checklists/trust.json')
  const text = trustText({ ...(JSON.parse(await readFile(path, 'utf8')) as TrustFile), ...change })
  await writeFile(path, text)
  return tools.sha256(text)
}

/** Appends a passing record of an item, with `change` applied. */
export async function measureAgain(
  { cwd }: Pick<SignedFolder, 'cwd'>,
  id: string,
  change: Partial<EvidenceDraft> = {},
): Promise<void> {
  const files = await loadGateFiles({ root: ROOT, cwd, checklist: null })
  const runner = await readRunnerKey(join(cwd, '.ff', 'runner.pem'))
  const log = await openEvidence(join(cwd, '.ff', 'evidence'), runner, toNeeds(files))
  const item = toItem(id)
  const inputs = selectInputs(item, await inputsIn(cwd))
  const draft = { ...passing(item, await identityIn(cwd)), inputs }
  const at = soon(-500)
  await log.append({ ...draft, started_at: at, ended_at: at, ...change })
  await log.close()
}

/** Appends a record for each control of an item: detected, but for `change`. */
export async function controlAgain(
  { cwd }: Pick<SignedFolder, 'cwd'>,
  id: string,
  change: Partial<EvidenceDraft> = {},
): Promise<void> {
  const files = await loadGateFiles({ root: ROOT, cwd, checklist: null })
  const runner = await readRunnerKey(join(cwd, '.ff', 'runner.pem'))
  const log = await openEvidence(join(cwd, '.ff', 'evidence'), runner, toNeeds(files))
  const at = soon(-500)
  for (const draft of detecting(toItem(id), await identityIn(cwd)))
    await log.append({ ...draft, started_at: at, ended_at: at, ...change })
  await log.close()
}

/** A trust file with two signers and one runner, valid for 30 days. */
export const readTrust = ({ jwk, kid }: Pick<SigningRunner, 'jwk' | 'kid'>): TrustFile => ({
  ...TRUST,
  expires: soon(30 * DAY_MS),
  signers: [alice, bob].map((who) => ({ ...asSigner(who), ...window() })),
  runners: [{ name: 'ci', kid, jwk, ...window(), places: PLACES }],
})

/** The request of `ff gate` in the folder. */
export const requestIn = async (cwd: string, trust_pin: string): Promise<GateRequest> => ({
  folder: { root: ROOT, cwd, checklist: null },
  evidence: join(cwd, '.ff', 'evidence'),
  trust_pin,
  pinned_heads: [],
  code: CODE,
  schema_head: '0006_cutover',
  build: BUILD,
  settings: behaviouralSettings(await loadSettings({}, cwd)),
  now: () => new Date(),
})
/** The adapters that the program passes to the gate. */
export const ADAPTERS = {
  readEvidence,
  judgeEvidence: async (texts, shapes) => judgeTexts(texts, shapes),
  signoffCrypto: async () => signoffCrypto,
} as const satisfies Pick<Adapters, 'readEvidence' | 'judgeEvidence' | 'signoffCrypto'>

/** Prepares the sign-off of the folder, also where it is no GO, which the program refuses. @returns the unsigned envelope, and the attestations of each role */
async function prepareSignoff(cwd: string, pin: string) {
  const state = await readGateState(await requestIn(cwd, pin), ADAPTERS)
  const context = await loadSignoffContext({
    root: ROOT,
    cwd,
    now: soon(0),
    pin,
    clock: () => soon(0),
    keys: signoffKeys,
    tryLock,
    terminal: null,
    readGate: async () => ({ ...state, as_signed: { ...state.as_signed, exitName: 'ok' } }),
  })
  await requestSignoff(context)
  const text = await readFile(join(cwd, 'checklists/signoff.json'), 'utf8')
  return {
    envelope: JSON.parse(text) as Envelope,
    attests: buildPresentFacts(context, state).attestations,
  }
}

/** H4 fails, within the bound of `approvedWaivers`. */
export const leaking = (draft: EvidenceDraft): EvidenceDraft =>
  draft.item === 'H4'
    ? { ...draft, result: 'fail', measured: { ...draft.measured, memory_share: 0.85 } }
    : draft

/** The text of a waivers file with one waiver, of H4, that both leads approved. */
export const approvedWaivers = (change: Partial<WaiverEntry> = {}): string =>
  JSON.stringify({ kind: 'waivers', schemaVersion: 1, waivers: [waiver(change)] }, null, 2)
function waiver(change: Partial<WaiverEntry>): WaiverEntry {
  const entry: WaiverEntry = {
    id: 'WV-1',
    item: 'H4',
    environment: 'production',
    cutover_id: 'flags-to-postgres',
    attempt: 1,
    covers: { state: 'fail', bounds: [{ measure: 'memory_share', op: 'at_most', value: 0.9 }] },
    reason: 'the cache was warmed twice',
    risk: 'a restart within the week',
    compensation: 'an alert at 0.9',
    requester: 'dora',
    requested_at: soon(-DAY_MS),
    expires_at: soon(DAY_MS),
    approvals: [],
    ...change,
  }
  return { ...entry, approvals: [alice, bob].map((who) => approval(entry, who)) }
}

function approval(entry: WaiverEntry, who: Person): WaiverEntry['approvals'][number] {
  const { person, role, kid } = who
  const own = toHeader(who, { meaning: 'approves-waiver', attests: [], signed_at: soon(-1_000) })
  const header = { ...own, typ: 'ff-waiver+jws' }
  const payload = encode(formatWaiver(entry))
  const { protected: shown, signature } = signRaw(payload, header, who.key)
  return { person, role, kid, jws: `${shown}.${payload}.${signature}` }
}
