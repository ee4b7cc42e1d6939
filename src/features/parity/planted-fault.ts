import type { JsonObject } from '../../core/json/read.ts'
import type { FieldRule } from '../../core/parity/field-rules.ts'
import type { JsonComparer } from '../../core/parity/compare.ts'
import { judgeVector, type SideAnswers } from '../../core/parity/judge-vector.ts'
import type { HarnessCheck } from '../../core/parity/pass-rule.ts'
import type { RowsByTable } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { ParitySide, ParitySides, PreparedQuestion } from './sides.ts'

/** A case of a proof, ready to be asked. */
export interface PreparedCase {
  readonly id: string
  readonly state: RowsByTable
  readonly prepared: PreparedQuestion
  /** The envelope without `meta.backing_state`. */
  readonly expected: JsonObject
}
interface Terms {
  readonly rules: readonly FieldRule[]
  readonly compare: JsonComparer
}

/**
 * Plants a fault in the candidate: loads the rows of the first case that an override decides into both sides, without
 * the overrides into the candidate, and asks both. The candidate must then differ from the baseline and from the
 * expectation. Replaces all rows of both sides.
 *
 * @returns the check `planted` with the comparisons that missed the fault; without pairs where no override decides
 * @throws any other error than FfError of a side
 */
export async function checkPlantedFault(
  cases: readonly PreparedCase[],
  sides: ParitySides,
  { rules, compare }: Terms,
): Promise<HarnessCheck> {
  const planted = cases.find(({ expected }) => isDecidedByOverride(expected))
  if (planted === undefined) return { id: 'planted', faults: [], pairs: 0 }
  const { state, prepared, expected } = planted
  const faulty = { ...state, tenant_override: [], user_override: [] }
  const [baseline, candidate] = await Promise.all([
    answerOver(sides.baseline, state, prepared),
    answerOver(sides.candidate, faulty, prepared),
  ])
  const { divergences } = judgeVector(expected, { baseline, candidate }, { rules, compare })
  const faults = PLANTED_IN.filter((pair) =>
    divergences.every(({ sides: seen }) => seen !== pair),
  ).map((pair) => `${planted.id} without its overrides, ${pair}`)
  return { id: 'planted', faults, pairs: PLANTED_IN.length }
}
/** The comparisons that have to see a fault of the candidate. */
const PLANTED_IN = ['baseline-candidate', 'candidate-expected'] as const

const isDecidedByOverride = ({ members }: JsonObject): boolean => {
  const scope = members.find(([name]) => name === 'matched_scope')?.[1]
  return scope === 'user' || scope === 'tenant'
}

async function answerOver(
  side: ParitySide,
  state: RowsByTable,
  prepared: PreparedQuestion,
): Promise<SideAnswers> {
  const kind = side.facts.backing
  try {
    await side.load(state)
    const { answer } = await side.ask(prepared)
    return { kind, answer, again: answer }
  } catch (error) {
    if (!(error instanceof FfError)) throw error
    const silent = { status: 'unanswered', code: error.code } as const
    return { kind, answer: silent, again: silent }
  }
}
