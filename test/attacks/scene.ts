import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import type { EvidenceDraft } from '../../src/core/gate/types.ts'
import { canonicalizeObject } from '../../src/core/signoff/read-document.ts'
import { formatWithdrawal } from '../../src/core/signoff/withdrawals.ts'
import type { Envelope, TrustFile } from '../../src/core/signoff/types.ts'
import { COMMAND_CONTROLS } from '../core/gate/builders.ts'
import {
  alice,
  bob,
  encode,
  signRaw,
  toHeader,
  tools,
  trustText,
} from '../features/signoff/people.ts'
import { CODE, fullEvidence, gateFolder } from '../support/gate-folder.ts'
import { runFf } from '../support/run-ff.ts'
import { approvedWaivers, leaking, readTrust, signFolder } from '../support/signed-folder.ts'
import { type Env, type Files, Folder, makeRunners, PLACES, type Runners } from './folder.ts'

/** A folder whose verdict is GO, what it was before, and what its files could be replaced by. */
export interface Scene {
  readonly folder: Folder
  readonly env: Env
  /** The time of the gate, in milliseconds since 1970. */
  readonly now: number
  readonly files: Files
  /** The folder as it was, by the name of the moment, oldest first. */
  readonly past: ReadonlyMap<string, Files>
  /** FF_EVIDENCE_HEAD as the runners print it now. */
  readonly heads: string
  /** Folders about something else with a GO of their own, by what they are about. */
  readonly others: ReadonlyMap<string, Files>
  /** The folder after something that ended the GO, by what it was. */
  readonly ended: ReadonlyMap<string, Ended>
}
export interface Ended {
  readonly files: Files
  readonly env: Env
  /** FF_EVIDENCE_HEAD as the runners print it after that. */
  readonly heads: string
}

export const MINUTE_MS = 60_000

export const DECISION = 'decision.json'

/**
 * Makes the scene, with `whole` about each of the other cutovers. Its times are those of `Date`, which is set to each
 * moment of the history in turn.
 */
export async function makeScene({ whole }: { readonly whole: boolean }): Promise<Scene> {
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    return await build(Date.now(), Object.entries(OTHERS).slice(0, whole ? undefined : 1))
  } finally {
    vi.useRealTimers()
  }
}

async function at<T>(ms: number, work: () => Promise<T>): Promise<T> {
  vi.setSystemTime(ms)
  return work()
}

async function build(
  now: number,
  plans: readonly (readonly [name: string, plan: object])[],
): Promise<Scene> {
  const runners = await makeRunners(await mkdtemp(join(tmpdir(), 'ff-keys-')))
  const ago = toAgo(now)
  const { folder, env, heads, past } = await makeHistory(ago, runners)
  await ago(0, () => decide({ folder, env }))
  const files = await folder.read()
  const others = new Map<string, Files>()
  for (const [name, plan] of plans) {
    const other = await makeOther(ago, runners, plan)
    await ago(0, () => decide(other))
    others.set(name, await other.folder.read())
    await rm(other.folder.cwd, { recursive: true })
  }
  const ended = new Map<string, Ended>()
  for (const [name, end] of Object.entries(ENDINGS)) {
    const after = await ago(3, () => end({ folder, env, runners }))
    const heads = await folder.seal(after)
    ended.set(name, { files: await folder.read(), env: after, heads })
    await folder.write(files)
  }
  return { folder, env, now, files, past, heads, others, ended }
}

const OTHERS: Readonly<Record<string, object>> = {
  'another attempt': { attempt: 2 },
  'another environment': { environment: 'staging' },
  'another cutover': { cutover_id: 'another' },
}

/** What the team writes by itself, first and in the end. */
const FIRST_FILES = {
  'ff.config.json': '{"jwtLeeway": "0"}\n',
  'checks/signals.mjs': 'process.exit(1)\n',
  'checks/control.mjs': 'process.exit(4)\n',
  'checklists/waivers.json': '{"kind":"waivers","schemaVersion":1,"waivers":[]}\n',
}
const OWN_FILES = {
  'ff.config.json': '{"jwtLeeway": "5"}\n',
  'checks/signals.mjs': 'process.exit(0)\n',
  'checks/control.mjs': 'process.exit(3)\n',
}
/** H1 is measured by a command of the team. */
const COMMAND = {
  kind: 'command',
  probe: {
    name: 'command',
    version: 1,
    params: {
      argv: ['node', 'checks/signals.mjs'],
      control_argv: ['node', 'checks/control.mjs'],
      timeout_s: 10,
    },
  },
  limits: [{ measure: 'exit_status', op: 'equals', value: 0, unit: 'status' }],
  controls: COMMAND_CONTROLS,
  min_sample: 1,
}

/** Does work so many minutes before the time of the gate. */
type Ago = <T>(minutes: number, work: () => Promise<T>) => Promise<T>
const toAgo =
  (now: number): Ago =>
  (minutes, work) =>
    at(now - minutes * MINUTE_MS, work)

interface Cutover {
  readonly folder: Folder
  readonly env: Env
  readonly runners: Runners
}

/** A cutover up to its GO, and the folder at each moment before. */
async function makeHistory(
  ago: Ago,
  runners: Runners,
): Promise<Cutover & Pick<Scene, 'past' | 'heads'>> {
  const past = new Map<string, Files>()
  const folder = new Folder(await ago(360, gateFolder), runners)
  const keep = async (name: string): Promise<unknown> => past.set(name, await folder.read())
  await ago(360, () => startFolder(folder, runners))
  await keep('before the second trust file')
  const env = await ago(300, () => finishFolder(folder, {}))
  await ago(200, () => measure(folder, runners))
  await keep('before a withdrawal')
  await ago(195, () => withdraw(folder, tools.sha256('another statement')))
  await ago(190, () => folder.seal(env))
  await keep('before the signatures')
  await ago(180, () => signFolder(folder.cwd, env.FF_TRUST_SHA256))
  await ago(120, () => folder.seal(env))
  await keep('two hours ago')
  await ago(30, () => measure(folder, runners))
  await ago(25, () => decide({ folder, env }))
  await keep('half an hour ago')
  await ago(10, () => measure(folder, runners, (draft) => (draft.item === 'A1' ? draft : null)))
  const heads = await ago(5, () => folder.seal(env))
  return { folder, env, runners, past, heads }
}

/** A cutover with another plan, by the same people and runners, at its GO. */
async function makeOther(ago: Ago, runners: Runners, plan: object): Promise<Cutover> {
  const folder = new Folder(await ago(360, gateFolder), runners)
  await ago(360, () => startFolder(folder, runners))
  const env = await ago(300, () => finishFolder(folder, plan))
  await ago(30, () => measure(folder, runners))
  await ago(20, () => signFolder(folder.cwd, env.FF_TRUST_SHA256))
  await ago(5, () => folder.seal(env))
  return { folder, env, runners }
}

async function startFolder(folder: Folder, { byPlace }: Runners): Promise<void> {
  for (const [name, text] of Object.entries(FIRST_FILES)) await folder.put(name, text)
  const { runners: _, ...rest } = readTrust(byPlace.target)
  const [first] = readTrust(byPlace.target).runners as [TrustFile['runners'][number]]
  const runners = PLACES.map((name) => {
    const { kid, jwk } = byPlace[name]
    return { ...first, name, kid, jwk }
  })
  await folder.put('checklists/trust.json', trustText({ ...rest, runners }))
}

/** Writes what is signed for. @returns the settings of the gate */
async function finishFolder(
  folder: Folder,
  plan: object,
): Promise<Record<'FF_CODE_VERSION' | 'FF_TRUST_SHA256', string>> {
  for (const [name, text] of Object.entries(OWN_FILES)) await folder.put(name, text)
  await edit(folder, 'checklists/plan.json', (value) => ({ ...value, ...plan, replicas: 3 }))
  await edit(folder, 'checklists/cutover_readiness_checklist.json', ({ items, ...rest }) => ({
    ...rest,
    items: items.map((item) => (item.id === 'H1' ? { ...item, ...COMMAND } : item)),
  }))
  await folder.put('checklists/waivers.json', approvedWaivers(plan))
  const FF_TRUST_SHA256 = await rotate(folder, { waiver_policy: { max_active: 2, max_days: 13 } })
  return { FF_CODE_VERSION: CODE, FF_TRUST_SHA256 }
}

interface Json extends Readonly<Record<string, unknown>> {
  readonly items: readonly { readonly id: string }[]
}
/** Rewrites a JSON file, one member a line. */
async function edit(folder: Folder, name: string, change: (value: Json) => object): Promise<void> {
  const value = JSON.parse(await readFile(folder.toPath(name), 'utf8')) as Json
  await folder.put(name, `${JSON.stringify(change(value), null, 2)}\n`)
}

/** Replaces the trust file by its next version, signed by both roles. @returns its pin */
async function rotate(folder: Folder, change: Partial<TrustFile>): Promise<string> {
  const [path, chain] = ['checklists/trust.json', 'checklists/trust-chain.json'] as const
  const files = await folder.read()
  const before = String(files.get(path))
  const trust = JSON.parse(before) as TrustFile
  const next = trustText({ ...trust, version: trust.version + 1, ...change })
  const payload = encode(next)
  const signatures = [alice, bob].map((who) => sign(payload, who, 'approves-trust', 'ff-trust+jws'))
  const first = { payload: encode(before), signatures: [] }
  const known = files.get(chain)
  const { links } = (known === undefined ? { links: [first] } : JSON.parse(String(known))) as {
    links: readonly Envelope[]
  }
  await folder.put(path, next)
  const whole = {
    kind: 'trust_chain',
    schemaVersion: 1,
    links: [...links, { payload, signatures }],
  }
  await folder.put(chain, `${canonicalizeObject(whole)}\n`)
  return tools.sha256(next)
}

const sign = (
  payload: string,
  who: typeof alice,
  meaning: 'approves-trust' | 'withdraws-approval',
  typ: string,
): Envelope['signatures'][number] => {
  const signed_at = new Date().toISOString()
  return signRaw(payload, { ...toHeader(who, { meaning, attests: [], signed_at }), typ }, who.key)
}

/** The statement that stands in the sign-off of a folder, by its SHA-256. */
async function findStatement(folder: Folder): Promise<string> {
  const text = await readFile(folder.toPath('checklists/signoff.json'), 'utf8')
  return tools.sha256(Buffer.from((JSON.parse(text) as Envelope).payload, 'base64url').toString())
}

async function withdraw(folder: Folder, statement: string): Promise<void> {
  const name = 'checklists/withdrawals.json'
  const known = (await folder.read()).get(name)
  const payload = encode(formatWithdrawal(statement))
  const signature = sign(payload, bob, 'withdraws-approval', 'ff-withdrawal+jws')
  const { withdrawals } = (
    known === undefined ? { withdrawals: [] } : JSON.parse(String(known))
  ) as { withdrawals: readonly Envelope[] }
  const all = [...withdrawals, { payload, signatures: [signature] }]
  await folder.put(
    name,
    `${canonicalizeObject({ kind: 'withdrawals', schemaVersion: 1, withdrawals: all })}\n`,
  )
}

type Change = (draft: EvidenceDraft) => EvidenceDraft | null
/** Each runner measures the items of its place; H4 leaks, as its waiver allows. */
async function measure(
  { cwd }: Folder,
  { byPlace }: Runners,
  change: Change = (draft) => draft,
): Promise<void> {
  for (const place of PLACES)
    await fullEvidence(cwd, (draft) => (draft.where === place ? change(leaking(draft)) : null), {
      known: byPlace[place],
    })
}

type End = (cutover: Cutover) => Promise<Env>
/** What ends a GO, each by what a person or a runner does. @returns the settings after it */
const ENDINGS: Readonly<Record<string, End>> = {
  'an item failed again': async ({ folder, env, runners }) => {
    const codes = ['token_accepted']
    await measure(folder, runners, (draft) =>
      draft.item === 'A1' ? { ...draft, result: 'fail', codes } : null,
    )
    return env
  },
  'a signer withdrew': async ({ folder, env }) => {
    await withdraw(folder, await findStatement(folder))
    return env
  },
  'the statement was revoked': async ({ folder, env }) => {
    const sha256 = await findStatement(folder)
    const one = { sha256, at: new Date().toISOString(), reason: 'a fault was found' }
    const FF_TRUST_SHA256 = await rotate(folder, { revoked: { keys: [], statements: [one] } })
    return { ...env, FF_TRUST_SHA256 }
  },
}

/** Writes the decision file of a folder as of now. */
async function decide({ folder: { cwd }, env }: Pick<Cutover, 'folder' | 'env'>): Promise<void> {
  const now = new Date().toISOString()
  const run = await runFf(['gate', '--decision', DECISION], { cwd, env, now })
  if (run.status !== 0) throw new Error(`the gate ended ${run.status}: ${run.stdout}${run.stderr}`)
}
