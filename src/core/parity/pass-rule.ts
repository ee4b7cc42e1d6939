import type { ReportControl } from '../report/types.ts'

/** A control that puts pairs with a known answer to the harness itself. */
export interface HarnessCheck {
  /** `comparer`: unequal and equal pairs; `fields`: a pair for each leaf of the decision; `planted`: a planted fault. */
  readonly id: 'comparer' | 'fields' | 'planted'
  /** The pairs that were judged wrongly. */
  readonly faults: readonly string[]
  readonly pairs: number
}
type SideName = 'baseline' | 'candidate'

/**
 * Judges the controls of a run: a check holds where at least one pair was judged and none wrongly, `a_a_baseline`
 * and `a_a_candidate` where something was compared and that side's two answers never differ.
 *
 * @param compared comparisons with an answer of both sides
 * @param noise differences between two answers of one side, by side
 */
export function judgeParityControls(
  checks: readonly HarnessCheck[],
  compared: number,
  noise: Readonly<Record<SideName, number>>,
): readonly ReportControl[] {
  const repeated = (side: SideName): ReportControl => ({
    id: `a_a_${side}`,
    held: compared > 0 && noise[side] === 0,
    compared,
  })
  return [
    ...checks.map(({ id, faults, pairs }): ReportControl => ({
      id,
      held: faults.length === 0 && pairs > 0,
      compared: pairs,
    })),
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
 * Derives the verdict of a parity run: `inconclusive` where a control does not hold, even with a difference; else
 * `fail` where an answer differs; else `pass` where all that was expected was compared, with at least one decision and
 * one field; else `inconclusive`.
 */
export function deriveParityVerdict(
  controls: readonly ReportControl[],
  { expected, compared, differing, decided, fields }: ParityTotals,
): 'pass' | 'fail' | 'inconclusive' {
  if (controls.some(({ held }) => !held)) return 'inconclusive'
  if (differing > 0) return 'fail'
  return compared === expected && decided > 0 && fields > 0 ? 'pass' : 'inconclusive'
}
