import { createHash } from 'node:crypto'
import {
  ARTEFACTS,
  type ArtefactKind,
  type LoadedArtefact,
  loadArtefact,
  type LoadResult,
  packagedArtefact,
  parseArtefact,
} from '../../artefacts/load.ts'
import {
  findChecklistProblems,
  findPlanProblems,
  findTriggerProblems,
  findWaiverProblems,
} from '../../artefacts/rules/gate-rules.ts'
import type { ArtefactProblem } from '../../artefacts/problem.ts'
import { validateSchema } from '../../artefacts/schemas.ts'
import { canonicalize } from '../../core/json/canonical.ts'
import type { SignoffTexts, WaiverEntry } from '../../core/signoff/types.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { locateChecklist, type GateFolder } from './locate-checklist.ts'
import { readSignoffFiles, SIGNOFF_FILES } from './signoff-files.ts'

export type { GateFolder }

export type LoadedChecklist = LoadedArtefact<'cutover_readiness_checklist'> & {
  /** SHA-256 of its RFC 8785 form: what evidence and signatures name. */
  readonly digest: string
}
/** What people fill in and sign; null where it is not there yet. */
export interface GateFiles {
  readonly checklist: LoadedChecklist
  readonly contract: LoadedArtefact<'readiness_gate'>['value']
  readonly plan: LoadedArtefact<'cutover_plan'>['value'] | null
  readonly triggers: LoadedArtefact<'rollback_triggers'>['value'] | null
  /** As they are written: no approval is verified. */
  readonly waivers: readonly WaiverEntry[]
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
  const place = await locateChecklist(folder)
  const [loaded, contract] = await Promise.all([
    loadArtefact('cutover_readiness_checklist', place),
    loadContract(folder.root),
  ])
  return { checklist: toLoadedChecklist(requireLoaded(loaded), contract), contract: contract.value }
}

/** @throws FfError `artefact_invalid` with every problem of every file */
export async function loadGateFiles(folder: GateFolder): Promise<GateFiles> {
  return toGateFiles(folder.root, await readSignoffFiles(folder))
}

/**
 * The same of texts, wherever they come from. What a checklist may not loosen is the package's own.
 *
 * @throws FfError `artefact_invalid`
 */
export async function toGateFiles(root: string, texts: SignoffTexts): Promise<GateFiles> {
  const contract = await loadContract(root)
  const { file: shown } = ARTEFACTS.cutover_readiness_checklist
  const own = { text: texts.checklist ?? '', shown }
  const checklist = toLoadedChecklist(
    requireLoaded(parseArtefact('cutover_readiness_checklist', own)),
    contract,
  )
  const plan = parseOwn('cutover_plan', texts)
  const triggers = parseOwn('rollback_triggers', texts)
  const waivers = parseOwn('waivers', texts)
  throwIfProblems([
    ...(plan === null ? [] : findPlanProblems(plan)),
    ...(triggers === null ? [] : findTriggerProblems(triggers)),
    ...(waivers === null ? [] : findWaiverProblems(waivers, checklist, contract)),
  ])
  return {
    checklist,
    contract: contract.value,
    plan: plan?.value ?? null,
    triggers: triggers?.value ?? null,
    waivers: waivers?.value.waivers ?? [],
    isLine: (value) => validateSchema('evidence-line', value, '').length === 0,
  }
}

const loadContract = async (root: string): Promise<LoadedArtefact<'readiness_gate'>> =>
  requireLoaded(await loadArtefact('readiness_gate', packagedArtefact(root, 'readiness_gate')))

function toLoadedChecklist(
  loaded: LoadedArtefact<'cutover_readiness_checklist'>,
  contract: LoadedArtefact<'readiness_gate'>,
): LoadedChecklist {
  throwIfProblems(findChecklistProblems(loaded, contract))
  return { ...loaded, digest: digestArtefact(loaded) }
}

/** The digest by which people sign a file: another layout of the same document is the same document. */
export function digestArtefact({ node }: Pick<LoadedArtefact<ArtefactKind>, 'node'>): string {
  const form = canonicalize(node)
  // An artefact that was loaded has been held to the same rule.
  return createHash('sha256')
    .update(form.ok ? form.text : '')
    .digest('hex')
}

/** What a team fills in has its own place; a template is nobody's plan. */
function parseOwn<K extends keyof typeof OWN_SUBJECTS>(
  kind: K,
  texts: SignoffTexts,
): LoadedArtefact<K> | null {
  const subject: keyof typeof SIGNOFF_FILES = OWN_SUBJECTS[kind]
  const text = texts[subject]
  return text === null
    ? null
    : requireLoaded(parseArtefact(kind, { text, shown: SIGNOFF_FILES[subject] }))
}
const OWN_SUBJECTS = {
  cutover_plan: 'plan',
  rollback_triggers: 'rollback_triggers',
  waivers: 'waivers',
} as const

const requireLoaded = <T>(result: LoadResult<T>): T => {
  if (result.ok) return result.loaded
  throw toArtefactError(result.problems)
}

function throwIfProblems(problems: readonly ArtefactProblem[]): void {
  if (problems.length > 0) throw toArtefactError(problems)
}
