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
import { refuseAlteredWaivers } from './altered-waiver.ts'
import { locateChecklist, type GateFolder } from './locate-checklist.ts'
import { readSignoffFiles, SIGNOFF_FILES } from './signoff-files.ts'

export type { GateFolder }

export type LoadedChecklist = LoadedArtefact<'cutover_readiness_checklist'> & {
  /** SHA-256 of its canonical form (RFC 8785), in hexadecimal: evidence and signatures name it. */
  readonly digest: string
}
/** The files that a team fills in and signs; null for a missing file. */
export interface GateFiles {
  readonly checklist: LoadedChecklist
  readonly contract: LoadedArtefact<'readiness_gate'>['value']
  readonly plan: LoadedArtefact<'cutover_plan'>['value'] | null
  readonly triggers: LoadedArtefact<'rollback_triggers'>['value'] | null
  /** As written; no approval is verified. */
  readonly waivers: readonly WaiverEntry[]
  /** Whether a value is valid by the schema of an evidence line. */
  readonly isLine: (value: unknown) => boolean
}

/**
 * Loads the named checklist, else that of the team folder, else that of the package; returns it with its digest, and
 * the gate contract of the package.
 *
 * @throws FfError `artefact_invalid` where it is missing, breaks its schema or loosens the gate contract
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

/**
 * Reads and parses the files of a team folder; a missing plan, triggers or waivers file is null, or no waivers.
 *
 * @throws FfError `artefact_invalid` for the first file that does not parse, else with every broken rule of plan,
 *   triggers and waivers; `waiver_altered` where a waiver that breaks one was altered after its approval
 */
export async function loadGateFiles(folder: GateFolder): Promise<GateFiles> {
  return toGateFiles(folder.root, await readSignoffFiles(folder))
}

/**
 * Parses the texts of a team folder or of a decision file; a missing checklist counts as empty text. The gate
 * contract, which a checklist may not loosen, always comes from the package.
 *
 * @throws FfError `artefact_invalid` as `loadGateFiles` does
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
  const waivers = parseOwnWaivers(texts, (own) => findWaiverProblems(own, checklist, contract))
  throwIfProblems([
    ...(plan === null ? [] : findPlanProblems(plan)),
    ...(triggers === null ? [] : findTriggerProblems(triggers)),
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

/**
 * The digest that signatures name: SHA-256 of the canonical form (RFC 8785) in hexadecimal, so layout does not
 * matter.
 */
export function digestArtefact({ node }: Pick<LoadedArtefact<ArtefactKind>, 'node'>): string {
  const form = canonicalize(node)
  // A loaded artefact always has a canonical form: the loader checks it.
  return createHash('sha256')
    .update(form.ok ? form.text : '')
    .digest('hex')
}

/** Parses the team's own file of a kind; null where it is missing. The templates of the package never count. */
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
/** A waiver that was altered after its approval is refused as such, whatever rule the alteration breaks too. */
function parseOwnWaivers(
  texts: SignoffTexts,
  findProblems: (own: LoadedArtefact<'waivers'>) => readonly ArtefactProblem[],
): LoadedArtefact<'waivers'> | null {
  const { waivers: text } = texts
  if (text === null) return null
  const read = parseArtefact('waivers', { text, shown: SIGNOFF_FILES.waivers })
  const problems = read.ok ? findProblems(read.loaded) : read.problems
  if (problems.length > 0) refuseAlteredWaivers(text)
  throwIfProblems(problems)
  return requireLoaded(read)
}

/** The plan of a team folder; null where it is missing. @throws FfError `artefact_invalid` */
export const parsePlan = (texts: SignoffTexts): GateFiles['plan'] =>
  parseOwn('cutover_plan', texts)?.value ?? null

/** The rollback triggers of a team folder; null where they are missing. @throws FfError `artefact_invalid` */
export const parseTriggers = (texts: SignoffTexts): GateFiles['triggers'] =>
  parseOwn('rollback_triggers', texts)?.value ?? null

const OWN_SUBJECTS = {
  cutover_plan: 'plan',
  rollback_triggers: 'rollback_triggers',
} as const

const requireLoaded = <T>(result: LoadResult<T>): T => {
  if (result.ok) return result.loaded
  throw toArtefactError(result.problems)
}

function throwIfProblems(problems: readonly ArtefactProblem[]): void {
  if (problems.length > 0) throw toArtefactError(problems)
}
