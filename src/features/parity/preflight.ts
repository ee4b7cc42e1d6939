import { isJsonArray, isJsonNumber, type JsonNode } from '../../core/json/read.ts'
import {
  type HazardCode,
  HAZARDS,
  findHazards,
  type HazardHit,
} from '../../core/preflight/hazards.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { readImportDocument } from '../import-export/read-document.ts'

/** Findings listed for each hazard; the title counts all of them. */
const MAX_FINDINGS = 100

/**
 * `ff parity preflight FILE`: lists each value of a flag file that PostgreSQL, its driver or JSON parsing would change
 * or refuse. Returns one item for each hazard, each with at most 100 findings; a hazard that was not found is
 * inconclusive where the document cannot be parsed: over 64 levels deep, or not UTF-8.
 *
 * @throws FfError `artefact_invalid` if the file cannot be read or is not a JSON document; `nothing_to_check` if it
 *   holds no value, such as `{}`
 */
export async function preflight(
  path: string,
  adapters: Pick<Adapters, 'readYaml'>,
): Promise<CheckReport> {
  const { hits, values } = await findFileHazards(path, adapters)
  if (values === 0)
    throw new FfError('nothing_to_check', `${path} holds no value.`, {
      hint: 'Name the file in which the service keeps its flags.',
    })
  const codes = Object.keys(HAZARDS) as HazardCode[]
  return buildCheckReport(
    'parity_preflight',
    codes.map((code) => {
      const own = hits.filter((hit) => hit.code === code)
      return own.length === 0 && values === null ? buildUncheckedItem(code) : toItem(code, own)
    }),
  )
}

/** The hazards found, and the number of values; null if the document cannot be parsed. */
interface PreflightResult {
  readonly hits: readonly HazardHit[]
  readonly values: number | null
}
async function findFileHazards(
  path: string,
  adapters: Pick<Adapters, 'readYaml'>,
): Promise<PreflightResult> {
  const { node, faults } = await readImportDocument(path, adapters)
  const hits = faults.map(({ code, detail }) => ({ code, pointer: '', shown: detail }))
  if (node === null) return { hits, values: null }
  return { hits: [...hits, ...findHazards(node)], values: countLeaves(node) }
}

/** Number of strings, numbers, booleans and nulls; 0 for an empty array or object. */
function countLeaves(node: JsonNode): number {
  if (typeof node !== 'object' || node === null || isJsonNumber(node)) return 1
  const below = isJsonArray(node) ? node : node.members.map(([, value]) => value)
  return below.reduce((all: number, one) => all + countLeaves(one), 0)
}

const buildUncheckedItem = (code: HazardCode): CheckResult => ({
  ...passResult(code, 'not checked: the document cannot be parsed'),
  state: 'inconclusive',
})

function toItem(code: HazardCode, hits: readonly HazardHit[]): CheckResult {
  const [kind, what] = HAZARDS[code]
  if (hits.length === 0) return passResult(code, 'none')
  return {
    id: code,
    title: `${hits.length}, ${kind}: ${what}`,
    state: 'fail',
    findings: hits
      .slice(0, MAX_FINDINGS)
      .map(({ pointer, shown }) => ({ code, pointer, detail: shown })),
    next:
      hits.length > MAX_FINDINGS
        ? `The first ${MAX_FINDINGS} of ${hits.length} are shown.`
        : 'Correct these values in the file, and run ff parity preflight again.',
  }
}
