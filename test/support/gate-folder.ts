import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildIdentity } from '../../src/features/team-folder/identity.ts'
import { createSignoffDependencies } from '../../src/artefacts/documents.ts'
import { signoffCrypto } from '../../src/adapters/key-files/crypto.ts'
import { type InputTerms, selectInputs } from '../../src/core/gate/inputs.ts'
import { digestInputs } from '../../src/features/team-folder/digest-inputs.ts'
import { readSignoffFiles } from '../../src/features/team-folder/signoff-files.ts'
import { loadGateFiles } from '../../src/features/team-folder/load-gate-files.ts'
import { behaviouralSettings, loadSettings } from '../../src/commands/settings.ts'
import { instantFromMs, type Instant } from '../../src/core/rows/instant.ts'
import type { ChecklistItem, EvidenceDraft, CutoverIdentity } from '../../src/core/gate/types.ts'
import { digestBuild } from '../../src/adapters/evidence-log/build-digest.ts'
import { openEvidence } from '../../src/adapters/evidence-log/evidence-log.ts'
import { makeRunnerKey, type SigningRunner } from '../../src/adapters/evidence-log/runner-key.ts'
import type { EvidenceNeeds, EvidenceShapes } from '../../src/ports/evidence.ts'
import { detecting, passing } from '../core/gate/builders.ts'
import { ROOT } from './run-ff.ts'

/** The code version of evidence in tests. */
export const CODE = 'sha256:of-a-test'
/** The build of evidence in tests: what the built program says of itself. */
export const BUILD = digestBuild(ROOT)
const RUNBOOK = 'what to do\n'
const HOUR_MS = 3_600_000
const ahead = (ms: number): Instant => instantFromMs(Date.now() + ms)

/** A team's folder: its checklist, a runbook and a plan that J1 passes. */
export async function gateFolder(): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), 'ff-gate-'))
  await mkdir(join(cwd, 'checklists'))
  const own = (name: string): string => join(cwd, 'checklists', name)
  await cp(
    join(ROOT, 'checklists/cutover_readiness_checklist.json'),
    own('cutover_readiness_checklist.json'),
  )
  await cp(join(ROOT, 'checklists/templates/rollback_triggers.json'), own('rollback_triggers.json'))
  const plan = JSON.parse(
    await readFile(join(ROOT, 'checklists/templates/plan.json'), 'utf8'),
  ) as object
  const spans = {
    window: { from: ahead(24 * HOUR_MS), until: ahead(28 * HOUR_MS) },
    freeze: { from: ahead(HOUR_MS), until: ahead(48 * HOUR_MS) },
  }
  await writeFile(own('runbook.md'), RUNBOOK)
  const people = ['Ada', 'Grace'].map((name) => ({ role: 'on call', name, contact: `${name}@x` }))
  const admin = { checklist_digest: '1'.repeat(64), verdict: 'go', contact: 'admin@x' }
  const database = '1/1/ff/0123456789abcdef'
  const filled = {
    database,
    staging_database: database,
    on_call: people,
    admin: { ...admin, date: ahead(-HOUR_MS) },
    runbook_digest: createHash('sha256').update(RUNBOOK).digest('hex'),
  }
  await writeFile(own('plan.json'), JSON.stringify({ ...plan, ...spans, ...filled }))
  return cwd
}

/** The identity that evidence in the folder needs, as a process with FF_CODE_VERSION=CODE computes it. */
export async function identityIn(
  cwd: string,
  code: string | null = CODE,
): Promise<CutoverIdentity> {
  const files = await loadGateFiles({ root: ROOT, cwd, checklist: null })
  const settings = behaviouralSettings(await loadSettings({}, cwd))
  return buildIdentity({ code, settings, schema_head: '0006_cutover', build: BUILD }, files)
}

/** What the inputs of evidence in the folder are judged by. */
export async function inputsIn(cwd: string): Promise<InputTerms> {
  const where = { root: ROOT, cwd, checklist: null }
  const [files, texts] = await Promise.all([loadGateFiles(where), readSignoffFiles(where)])
  const tools = createSignoffDependencies(signoffCrypto)
  return { floor: files.contract.inputs, present: digestInputs(texts, files, tools) }
}

/** The folder of the one evidence log of a folder. */
export async function findLog(evidence: string): Promise<string> {
  const [name = '', ...others] = await readdir(evidence)
  if (others.length > 0) throw new Error(`${evidence} holds ${others.length + 1} logs`)
  return join(evidence, name)
}

/** What a runner needs that may begin its log, under a trust file that it does not verify. */
export const toNeeds = (
  shapes: EvidenceShapes,
  change: Partial<EvidenceNeeds> = {},
): EvidenceNeeds => ({
  shapes,
  now: () => new Date(),
  sight: { trust: null, withdrawn: [] },
  onLog: () => undefined,
  ...change,
})

/**
 * Writes a passing record for each item, passed through `change`, which leaves an item out by null, and one for each of
 * the item's controls; signed by `known` or a new key, about `code`.
 *
 * @returns the runner
 */
export async function fullEvidence(
  cwd: string,
  change: (draft: EvidenceDraft) => EvidenceDraft | null = (draft) => draft,
  { known, code }: { readonly known?: SigningRunner; readonly code?: string | null } = {},
): Promise<SigningRunner> {
  const files = await loadGateFiles({ root: ROOT, cwd, checklist: null })
  const identity = await identityIn(cwd, code)
  const inputs = await inputsIn(cwd)
  const runner = known ?? (await makeRunnerKey(join(cwd, '.ff', 'runner.pem')))
  const log = await openEvidence(join(cwd, '.ff', 'evidence'), runner, toNeeds(files))
  for (const item of files.checklist.value.items as readonly ChecklistItem[]) {
    const at = ahead(-1_000)
    const draft = { ...passing(item, identity), inputs: selectInputs(item, inputs) }
    const changed = change({ ...draft, started_at: ahead(-2_000), ended_at: at })
    if (changed === null) continue
    await log.append(changed)
    const { started_at, ended_at } = changed
    for (const one of detecting(item, { ...identity, code: changed.identity.code }))
      await log.append({ ...one, started_at, ended_at })
  }
  await log.close()
  return runner
}
