import { judgeLimits } from './limits.ts'
import type {
  ChecklistItem,
  CutoverIdentity,
  EvidenceEntry,
  EvidenceRecord,
  RunnerKey,
  VerifiedSignoff,
  Where,
  WholeLog,
} from './types.ts'

/**
 * Whether a record is a failure of its item: a measurement that failed, or one that passed with a value outside a
 * limit as the checklist has it now. A control never is, and neither is a pass for a value that it lacks.
 */
export const isFailure = (
  { limits }: Pick<ChecklistItem, 'limits'>,
  { kind, result, measured }: EvidenceRecord,
): boolean =>
  kind === 'measurement' &&
  (result === 'fail' ||
    (result === 'pass' &&
      judgeLimits(limits, measured).some(({ held, value }) => !held && value !== null)))

/** How often an item was measured, and how often it failed. */
export interface RunCounts {
  readonly measured: number
  readonly failed: number
}
const ENDS_WITH: Readonly<Record<Where, readonly ('cutover_id' | 'attempt')[]>> = {
  target: ['cutover_id', 'attempt'],
  staging: ['cutover_id'],
  scratch: ['cutover_id'],
}
/**
 * Whether a record is of this cutover, as far as the item depends on it, and on the target of this attempt: what was
 * measured elsewhere counts in the next attempt too, also where a team has added the attempt to the item's identity.
 */
export const isOfAttempt = (
  item: Pick<ChecklistItem, 'identity' | 'where'>,
  { identity }: Pick<EvidenceRecord, 'identity'>,
  expected: Pick<CutoverIdentity, 'cutover_id' | 'attempt'>,
): boolean =>
  ENDS_WITH[item.where].every(
    (one) => !item.identity.includes(one) || identity[one] === expected[one],
  )

/**
 * Counts the measurements of an item that are `isOfAttempt`, inconclusive ones included, and how many of them failed by
 * their own result or by a limit of the item as it is now.
 */
export function countRuns(
  item: Pick<ChecklistItem, 'id' | 'limits' | 'identity' | 'where'>,
  entries: readonly EvidenceEntry[],
  expected: Pick<CutoverIdentity, 'cutover_id' | 'attempt'>,
): RunCounts {
  const own = entries
    .map(({ record }) => record)
    .filter(
      (record) =>
        record.kind === 'measurement' &&
        record.item === item.id &&
        isOfAttempt(item, record, expected),
    )
  return { measured: own.length, failed: own.filter((one) => isFailure(item, one)).length }
}

/** What people signed: the items that were accepted then, and the heads of the logs. */
export type SignedEvidence = Pick<VerifiedSignoff, 'accepted' | 'evidence_heads'>

/**
 * The ids of the items that were signed as a pass and failed since: a failure at the item's place stands past the signed
 * head of the log of a named runner, or in one without a signed head. Times do not count, so that no clock hides one.
 */
export function listFailedSince(
  { accepted, evidence_heads }: SignedEvidence,
  {
    items,
    logs,
    runners,
  }: {
    readonly items: readonly ChecklistItem[]
    readonly logs: readonly WholeLog[]
    readonly runners: readonly RunnerKey[]
  },
): readonly string[] {
  const signed = new Map(evidence_heads.map(({ kid, seq }) => [kid, seq]))
  const later = logs
    .filter(({ kid }) => runners.some((one) => one.kid === kid))
    .flatMap(({ kid, entries }) =>
      entries.filter(({ record }) => record.seq > (signed.get(kid) ?? 0)),
    )
  return items
    .filter(
      (item) =>
        Object.hasOwn(accepted, item.id) &&
        accepted[item.id] === 'pass' &&
        later.some(
          ({ record }) =>
            record.item === item.id && record.where === item.where && isFailure(item, record),
        ),
    )
    .map(({ id }) => id)
}
