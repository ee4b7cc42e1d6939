import { serializeDecision } from '../evaluate/decision-text.ts'
import { evaluate } from '../evaluate/evaluate.ts'
import type { ApprovalAnswer, Decision, EvaluationInput } from '../evaluate/types.ts'
import type { JsonNode } from '../json/read.ts'
import { compareJson, type Difference } from '../parity/compare.ts'
import { answerToNode } from '../parity/judge.ts'
import type { RowOrBroken, RowsOfFlag } from '../rows/rows.ts'

/** A decision that was made, and everything that it depended on. */
export interface DecidedCase {
  readonly input: EvaluationInput
  /** What Admin answered; undefined where it was not asked. */
  readonly answer: ApprovalAnswer | undefined
  readonly decision: Decision
}
/** The field that stands for an approval that one side alone asked Admin for. */
const APPROVAL_FIELD = '/approval'

/**
 * Decides once more on the rows of the other side, with the same caller, time and answer of Admin.
 *
 * @param decided its decision is left out where `rows.left` is given: then both sides are decided again
 * @returns the JSON pointer of the first field that differs; null where the decisions are the same
 */
export function findShadowDifference(
  { input, answer, decision }: DecidedCase,
  { right, left }: { readonly right: RowsOfFlag; readonly left?: RowsOfFlag },
): string | null {
  const decide = (rows: RowsOfFlag): Decision | undefined =>
    evaluate({ ...input, rows }, answer).decision
  const sides = [left === undefined ? decision : decide(left), decide(right)]
  const [before, after] = sides.map((one) => (one === undefined ? null : serializeDecision(one)))
  if (before === after) return null
  if (before == null || after == null) return APPROVAL_FIELD
  const { differences } = compareJson(toNode(before), toNode(after))
  return (differences[0] as Difference).pointer
}

const toNode = (text: string): JsonNode => answerToNode({ status: 'decided', text })

/** Whether both sides have the same revision of each row of a flag. */
export const haveSameRevisions = (left: RowsOfFlag, right: RowsOfFlag): boolean =>
  (['flag', 'tenant', 'user'] as const).every(
    (one) => getRevision(left[one]) === getRevision(right[one]),
  )

/** Whether a side still lacks a revision that the other side had before. */
export const isBehind = (rows: RowsOfFlag, before: RowsOfFlag): boolean =>
  (['flag', 'tenant', 'user'] as const).some(
    (one) => (getRevision(rows[one]) ?? 0) < (getRevision(before[one]) ?? 0),
  )

const getRevision = (held: RowOrBroken<{ readonly revision: number }> | null): number | null =>
  held?.row?.revision ?? null

/** Chooses which decisions are compared: a share of them, and of each reason the first one in each second. */
export class ReasonSampler {
  private readonly share: number
  private readonly byReason = new Map<string, { credit: number; takenAt: number }>()

  /** @param share more than 0, at most 1 */
  constructor(share: number) {
    this.share = share
  }

  /** @param at a monotonic clock in milliseconds */
  takes(reason: string, at: number): boolean {
    const held = this.byReason.get(reason)
    if (held === undefined) {
      this.byReason.set(reason, { credit: 0, takenAt: at })
      return true
    }
    held.credit += this.share
    if (held.credit < 1 && at - held.takenAt < 1000) return false
    held.credit = Math.max(0, held.credit - 1)
    held.takenAt = at
    return true
  }
}
