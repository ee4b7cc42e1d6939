import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { type ArtefactPlace, parseArtefact } from '../../artefacts/load.ts'
import { readTextFile } from '../../artefacts/read-text.ts'
import { type Departure, type PlacedDeparture, toDepartures } from '../../core/gate/floor.ts'
import { takeFloor } from '../../core/gate/take-floor.ts'
import { rewriteJson } from '../../core/json/rewrite.ts'
import { compareWithFloor, loadPackagedGate, type PackagedGate } from './load-gate-files.ts'
import { type GateFolder, locateChecklist } from './locate-checklist.ts'
import { replaceText } from './signoff-files.ts'

/** How a team's checklist departs from the package's. */
export interface ChecklistDiff {
  /** The name of the team's file. */
  readonly file: string
  readonly departures: readonly Departure[]
  /** The looser ones that were replaced by the package's values; empty unless asked for. */
  readonly taken: readonly Departure[]
}

/**
 * `ff checklist diff`: lists every departure of the checklist from the package's. With `take` it first writes the
 * package's value in each looser place, and nothing else; the file is replaced whole, and keeps its layout elsewhere.
 *
 * @throws FfError `artefact_invalid` where the checklist is missing, breaks its schema or lacks an item; `output_failed`
 */
export async function diffChecklist(
  folder: GateFolder,
  { take }: { readonly take: boolean },
): Promise<ChecklistDiff> {
  const [place, packaged] = await Promise.all([
    locateChecklist(folder),
    loadPackagedGate(folder.root),
  ])
  const read = await readTextFile(place.path, place.shown)
  if (!read.ok) throw toArtefactError([read.problem])
  const own = compare(read.text, { place, packaged })
  const looser = own.placed.filter(({ kind }) => kind === 'looser')
  if (!take || looser.length === 0)
    return { file: place.shown, departures: toDepartures(own.placed), taken: [] }
  const text = rewriteJson(read.text, own.strict())
  const { placed } = compare(text, { place, packaged })
  await replaceText(place.path, text)
  const left = new Set(placed.map(({ item, member }) => `${item} ${member}`))
  return {
    file: place.shown,
    departures: toDepartures(placed),
    taken: toDepartures(looser.filter(({ item, member }) => !left.has(`${item} ${member}`))),
  }
}

interface Comparison {
  readonly placed: readonly PlacedDeparture[]
  /** The checklist with the package's value in each looser place. */
  readonly strict: () => object
}
function compare(
  text: string,
  {
    place: { shown },
    packaged,
  }: { readonly place: ArtefactPlace; readonly packaged: PackagedGate },
): Comparison {
  const parsed = parseArtefact('cutover_readiness_checklist', { text, shown })
  if (!parsed.ok) throw toArtefactError(parsed.problems)
  const { floor, contract } = packaged
  return {
    placed: compareWithFloor(parsed.loaded, packaged),
    strict: () =>
      takeFloor({ floor: floor.value, team: parsed.loaded.value, terms: contract.value }),
  }
}
