import type { ReportControl } from '../report/types.ts'

export interface ComparerCheck {
  /** The pairs with a known answer that the comparer judged wrongly. */
  readonly faults: readonly string[]
  readonly pairs: number
}
type SideName = 'baseline' | 'candidate'

/**
 * The controls of a run. A control without any comparison does not hold.
 *
 * @param compared comparisons with an answer of both sides
 * @param noise differences between two answers of one side, by side
 */
export function judgeParityControls(
  { faults, pairs }: ComparerCheck,
  compared: number,
  noise: Readonly<Record<SideName, number>>,
): readonly ReportControl[] {
  const repeated = (side: SideName): ReportControl => ({
    id: `a_a_${side}`,
    held: compared > 0 && noise[side] === 0,
    compared,
  })
  return [
    { id: 'comparer', held: faults.length === 0 && pairs > 0, compared: pairs },
    repeated('baseline'),
    repeated('candidate'),
  ]
}

export interface ParityTotals {
  readonly expected: number
  readonly compared: number
  readonly differing: number
  /** Comparisons with a decision on a flag: a run of refusals compares no flag. */
  readonly decided: number
  readonly fields: number
}

/**
 * A parity run passes where its controls hold, no answer differs, and everything expected was compared, with at least
 * one decision and one field. A control that does not hold makes even a difference inconclusive.
 */
export function deriveParityVerdict(
  controls: readonly ReportControl[],
  { expected, compared, differing, decided, fields }: ParityTotals,
): 'pass' | 'fail' | 'inconclusive' {
  if (controls.some(({ held }) => !held)) return 'inconclusive'
  if (differing > 0) return 'fail'
  return compared === expected && decided > 0 && fields > 0 ? 'pass' : 'inconclusive'
}
