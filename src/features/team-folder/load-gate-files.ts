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
import { EVIDENCE_SHAPES } from '../../artefacts/schemas.ts'
import {
  type Departure,
  formatDeparture,
  listDepartures,
  type PlacedDeparture,
  toDepartures,
} from '../../core/gate/floor.ts'
import { canonicalize } from '../../core/json/canonical.ts'
import type { SignoffTexts, WaiverEntry } from '../../core/signoff/types.ts'
import { quoteForShell } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
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
  /** Where the checklist departs from the package's; none of them is looser. */
  readonly departures: readonly Departure[]
  readonly contract: LoadedArtefact<'readiness_gate'>['value']
  readonly plan: LoadedArtefact<'cutover_plan'>['value'] | null
  readonly triggers: LoadedArtefact<'rollback_triggers'>['value'] | null
  /** As written; no approval is verified. */
  readonly waivers: readonly WaiverEntry[]
  /** Whether a value is valid by the schema of an evidence line. */
  readonly isLine: (value: unknown) => boolean
  /** Whether a value is valid by the schema of a log's head. */
  readonly isHead: (value: unknown) => boolean
}

/** What a team's checklist is compared with: the package's own, and the gate contract. */
export interface PackagedGate {
  readonly floor: LoadedArtefact<'cutover_readiness_checklist'>
  readonly contract: LoadedArtefact<'readiness_gate'>
}

/**
 * Loads the named checklist, else that of the team folder, else that of the package; returns it with its digest, and
 * the gate contract of the package.
 *
 * @throws FfError `artefact_invalid` where it is missing, breaks its schema or lacks an item; `checklist_loosened`
 *   where it is looser than the package's
 */
export async function loadChecklist(
  folder: GateFolder,
): Promise<Pick<GateFiles, 'checklist' | 'contract'>> {
  const place = await locateChecklist(folder)
  const [loaded, packaged] = await Promise.all([
    loadArtefact('cutover_readiness_checklist', place),
    loadPackagedGate(folder.root),
  ])
  const { checklist } = requireStrict(requireLoaded(loaded), packaged)
  return { checklist, contract: packaged.contract.value }
}

/**
 * Reads and parses the files of a team folder; a missing plan, triggers or waivers file is null, or no waivers.
 *
 * @throws FfError `artefact_invalid` for the first file that does not parse, else with every broken rule of plan,
 *   triggers and waivers; `checklist_loosened` where the checklist is looser than the package's; `waiver_altered` where
 *   a waiver that breaks a rule was altered after its approval
 */
export async function loadGateFiles(folder: GateFolder): Promise<GateFiles> {
  return toGateFiles(folder.root, await readSignoffFiles(folder), folder.checklist)
}

/**
 * Parses the texts of a team folder or of a decision file; a missing checklist counts as empty text, and a missing
 * plan, triggers or waivers file is null, or no waivers. The checklist that it may not loosen and the gate contract
 * always come from the package.
 *
 * @param named the path of the checklist in errors; null for the team folder's own
 * @throws FfError `artefact_invalid` for a file that does not parse or breaks a rule, `checklist_loosened`, and
 *   `waiver_altered` where a waiver was altered after its approval
 */
export async function toGateFiles(
  root: string,
  texts: SignoffTexts,
  named: string | null = null,
): Promise<GateFiles> {
  const packaged = await loadPackagedGate(root)
  const { contract } = packaged
  const { checklist, departures } = requireStrict(parseChecklist(texts, named), packaged)
  const plan = parseOwn('cutover_plan', texts)
  const triggers = parseOwn('rollback_triggers', texts)
  const waivers = parseOwnWaivers(texts, (own) => findWaiverProblems(own, checklist, contract))
  throwIfProblems([
    ...(plan === null ? [] : findPlanProblems(plan)),
    ...(triggers === null ? [] : findTriggerProblems(triggers)),
  ])
  return {
    checklist,
    departures,
    contract: contract.value,
    plan: plan?.value ?? null,
    triggers: triggers?.value ?? null,
    waivers: waivers?.value.waivers ?? [],
    ...EVIDENCE_SHAPES,
  }
}

function parseChecklist(
  { checklist }: SignoffTexts,
  named: string | null,
): LoadedArtefact<'cutover_readiness_checklist'> {
  const shown = named ?? ARTEFACTS.cutover_readiness_checklist.file
  if (checklist === null && named !== null)
    return requireLoaded({
      ok: false,
      problems: [{ file: shown, pointer: '', code: 'file_missing', detail: 'no such file' }],
    })
  return requireLoaded(
    parseArtefact('cutover_readiness_checklist', { text: checklist ?? '', shown }),
  )
}

/**
 * Reads the gate contract and the checklist of the package folder `root`.
 *
 * @throws FfError `artefact_invalid` where one does not load
 */
export async function loadPackagedGate(root: string): Promise<PackagedGate> {
  const load = async <K extends ArtefactKind>(kind: K): Promise<LoadedArtefact<K>> =>
    requireLoaded(await loadArtefact(kind, packagedArtefact(root, kind)))
  const [floor, contract] = await Promise.all([
    load('cutover_readiness_checklist'),
    load('readiness_gate'),
  ])
  return { floor, contract }
}

/**
 * Compares a checklist with the package's; returns every departure, with its place.
 *
 * @throws FfError `artefact_invalid` where it has other items or groups, or breaks another rule of its form
 */
export function compareWithFloor(
  loaded: LoadedArtefact<'cutover_readiness_checklist'>,
  { floor, contract }: PackagedGate,
): readonly PlacedDeparture[] {
  throwIfProblems(findChecklistProblems(loaded, contract, floor))
  return listDepartures({ floor: floor.value, team: loaded.value, terms: contract.value })
}

/** @throws FfError `checklist_loosened`, and as `compareWithFloor` */
function requireStrict(
  loaded: LoadedArtefact<'cutover_readiness_checklist'>,
  packaged: PackagedGate,
): Pick<GateFiles, 'checklist' | 'departures'> {
  const placed = compareWithFloor(loaded, packaged)
  const looser = placed.filter(({ kind }) => kind === 'looser')
  if (looser.length > 0) throw makeLoosenedError(loaded.file, looser.map(formatDeparture))
  return {
    checklist: { ...loaded, digest: digestArtefact(loaded) },
    departures: toDepartures(placed),
  }
}

function makeLoosenedError(file: string, details: readonly string[]): FfError {
  const named =
    file === ARTEFACTS.cutover_readiness_checklist.file ? '' : ` --checklist ${quoteForShell(file)}`
  const places = `${details.length} place${details.length === 1 ? '' : 's'}`
  return new FfError(
    'checklist_loosened',
    `${file} is looser than the package's checklist in ${places}, so nothing was measured or decided.`,
    {
      hint: `Read all differences with \`ff checklist diff${named}\`; \`ff checklist diff --take${named}\` writes the package's values there.`,
      details,
    },
  )
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

/**
 * Parses the cutover plan of a team folder from its text, without the rules that hold between files; null where it
 * is missing.
 *
 * @throws FfError `artefact_invalid`
 */
export const parsePlan = (texts: SignoffTexts): GateFiles['plan'] =>
  parseOwn('cutover_plan', texts)?.value ?? null

/**
 * Parses the rollback triggers of a team folder from their text, without the rules that hold between files; null
 * where they are missing.
 *
 * @throws FfError `artefact_invalid`
 */
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
