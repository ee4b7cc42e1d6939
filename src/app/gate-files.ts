import { createHash } from 'node:crypto'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ARTEFACTS,
  type ArtefactKind,
  type Loaded,
  loadArtefact,
  packaged,
  type Place,
} from '../artefacts/load.ts'
import {
  checklistProblems,
  planProblems,
  triggerProblems,
  waiverProblems,
} from '../artefacts/rules/gate-rules.ts'
import type { ArtefactProblem } from '../artefacts/problem.ts'
import { schemaProblems } from '../artefacts/schemas.ts'
import { canonicalise } from '../core/json/canonical.ts'
import type { Instant } from '../core/state/instant.ts'
import type { UnverifiedWaiver } from '../ports.ts'
import { artefactError } from './artefact-error.ts'

/** Where somebody looks for the files of a gate; a null path is looked for in `checklists` below the folder. */
export interface GateFolder {
  readonly root: string
  readonly cwd: string
  readonly checklist: string | null
}
export type LoadedChecklist = Loaded<'cutover_readiness_checklist'> & {
  /** SHA-256 of its RFC 8785 form: what evidence and signatures name. */
  readonly digest: string
}
/** What people fill in and sign; null where it is not there yet. */
export interface GateFiles {
  readonly checklist: LoadedChecklist
  readonly contract: Loaded<'readiness_gate'>['value']
  readonly plan: Loaded<'cutover_plan'>['value'] | null
  readonly triggers: Loaded<'rollback_triggers'>['value'] | null
  readonly waivers: readonly UnverifiedWaiver[]
  /** Whether a value is of the schema of a line of evidence. */
  readonly isLine: (value: unknown) => boolean
}

/**
 * The checklist named, else the folder's own, else the package's.
 *
 * @throws FfError `artefact_invalid` where it breaks its schema or its rules: other than the contract's count of items, for one
 */
export async function loadChecklist(
  folder: GateFolder,
): Promise<Pick<GateFiles, 'checklist' | 'contract'>> {
  const { checklist, contract } = await checklistOf(folder)
  return { checklist, contract: contract.value }
}

/** @throws FfError `artefact_invalid` with every problem of every file */
export async function loadGateFiles(folder: GateFolder): Promise<GateFiles> {
  const { checklist, contract } = await checklistOf(folder)
  const [plan, triggers, waivers] = await Promise.all([
    ifThere('cutover_plan', folder),
    ifThere('rollback_triggers', folder),
    ifThere('waivers', folder),
  ])
  refuse([
    ...(plan === null ? [] : planProblems(plan)),
    ...(triggers === null ? [] : triggerProblems(triggers)),
    ...(waivers === null ? [] : waiverProblems(waivers, checklist, contract)),
  ])
  return {
    checklist,
    contract: contract.value,
    plan: plan?.value ?? null,
    triggers: triggers?.value ?? null,
    waivers: (waivers?.value.waivers ?? []).map((one) => ({
      ...one,
      // The rules have passed both.
      requested_at: one.requested_at as Instant,
      expires_at: one.expires_at as Instant,
    })),
    isLine: (value) => schemaProblems('evidence-line', value, '').length === 0,
  }
}

async function checklistOf(
  folder: GateFolder,
): Promise<{ checklist: LoadedChecklist; contract: Loaded<'readiness_gate'> }> {
  const [loaded, contract] = await Promise.all([
    loadArtefact('cutover_readiness_checklist', await checklistPlace(folder)),
    loadArtefact('readiness_gate', packaged(folder.root, 'readiness_gate')),
  ])
  if (!loaded.ok || !contract.ok)
    throw artefactError([loaded, contract].flatMap((one) => (one.ok ? [] : one.problems)))
  refuse(checklistProblems(loaded.loaded, contract.loaded))
  return {
    checklist: { ...loaded.loaded, digest: digestOf(loaded.loaded) },
    contract: contract.loaded,
  }
}

/** The digest by which people sign a file: another layout of the same document is the same document. */
export function digestOf({ node }: Pick<Loaded<ArtefactKind>, 'node'>): string {
  const form = canonicalise(node)
  // An artefact that was loaded has been held to the same rule.
  return createHash('sha256')
    .update(form.ok ? form.text : '')
    .digest('hex')
}

export async function checklistPlace({ root, cwd, checklist }: GateFolder): Promise<Place> {
  if (checklist !== null) return { path: checklist, shown: checklist }
  const shown = ARTEFACTS.cutover_readiness_checklist.file
  const own = join(cwd, shown)
  return (await isThere(own)) ? { path: own, shown } : packaged(root, 'cutover_readiness_checklist')
}

/** What a team fills in lies in its own folder; a template is nobody's plan. */
async function ifThere<K extends ArtefactKind>(
  kind: K,
  { cwd }: GateFolder,
): Promise<Loaded<K> | null> {
  const shown = ARTEFACTS[kind].file.replace('/templates/', '/')
  const path = join(cwd, shown)
  if (!(await isThere(path))) return null
  const loaded = await loadArtefact(kind, { path, shown })
  if (!loaded.ok) throw artefactError(loaded.problems)
  return loaded.loaded
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (
      error instanceof Error &&
      'code' in error &&
      (error.code === 'ENOENT' || error.code === 'ENOTDIR')
    )
      return false
    return true // It is there and cannot be read: reading it says why.
  }
}

function refuse(problems: readonly ArtefactProblem[]): void {
  if (problems.length > 0) throw artefactError(problems)
}
