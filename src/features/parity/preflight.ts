import { isJsonArray, isJsonNumber, type JsonNode } from '../../core/json/read.ts'
import {
  type HazardCode,
  HAZARDS,
  findHazards,
  type HazardHit,
} from '../../core/preflight/hazards.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { FfError } from '../../errors.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { readImportDocument } from '../import-export/read-document.ts'

/** Of one hazard; the count says how many there are. */
const MOST_FINDINGS = 100

/**
 * `ff parity preflight FILE`: each value of the real file that PostgreSQL, its driver or JSON parsing would
 * change or refuse, before anything is imported.
 *
 * @throws FfError `artefact_invalid` where the file is no JSON document that can be looked at
 */
export async function preflight(path: string): Promise<CheckReport> {
  const { hits, values } = await lookAt(path)
  if (values === 0)
    throw new FfError('nothing_to_check', `${path} holds no value.`, {
      hint: 'Name the file that the service keeps its flags in.',
    })
  const codes = Object.keys(HAZARDS) as HazardCode[]
  return buildCheckReport(
    'parity_preflight',
    codes.map((code) => {
      const own = hits.filter((hit) => hit.code === code)
      return own.length === 0 && values === null ? unseen(code) : toItem(code, own)
    }),
  )
}

/** What was found, among how many values; null where the document could not be taken apart. */
interface PreflightResult {
  readonly hits: readonly HazardHit[]
  readonly values: number | null
}
async function lookAt(path: string): Promise<PreflightResult> {
  const { node, faults } = await readImportDocument(path)
  const hits = faults.map(({ code, detail }) => ({ code, pointer: '', shown: detail }))
  if (node === null) return { hits, values: null }
  return { hits: [...hits, ...findHazards(node)], values: getLeaves(node) }
}

/** Texts, numbers, truths and nulls; an empty list or object holds nothing. */
function getLeaves(node: JsonNode): number {
  if (typeof node !== 'object' || node === null || isJsonNumber(node)) return 1
  const below = isJsonArray(node) ? node : node.members.map(([, value]) => value)
  return below.reduce((all: number, one) => all + getLeaves(one), 0)
}

const unseen = (code: HazardCode): CheckResult => ({
  ...passResult(code, 'not looked at: the document could not be taken apart'),
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
      .slice(0, MOST_FINDINGS)
      .map(({ pointer, shown }) => ({ code, pointer, detail: shown })),
    next:
      hits.length > MOST_FINDINGS
        ? `The first ${MOST_FINDINGS} of ${hits.length} are shown.`
        : 'Correct the file, or decide what it shall be and write that.',
  }
}
