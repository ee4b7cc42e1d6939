import type { ReportControl } from '../report/types.ts'

export interface ComparerCheck {
  /** The pairs with a known answer that the comparer got wrong. */
  readonly faults: readonly string[]
  readonly pairs: number
}
type SideName = 'baseline' | 'candidate'

/**
 * The controls of a run. A control that rests on no comparison does not hold.
 *
 * @param compared comparisons with an answer from both sides
 * @param noise differences between a side and itself, by side
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
  /** Comparisons in which a flag was decided: a run of refusals compares no flag. */
  readonly decided: number
  readonly fields: number
}

/**
 * When a parity run passes: its controls hold, nothing differs, and everything expected was compared, at least
 * one decision and one field among it. A control that does not hold leaves even a difference in doubt.
 */
export function deriveParityVerdict(
  controls: readonly ReportControl[],
  { expected, compared, differing, decided, fields }: ParityTotals,
): 'pass' | 'fail' | 'inconclusive' {
  if (controls.some(({ held }) => !held)) return 'inconclusive'
  if (differing > 0) return 'fail'
  return compared === expected && decided > 0 && fields > 0 ? 'pass' : 'inconclusive'
}
