import type { Instant } from '../rows/instant.ts'
import { chooseRecords } from './choose-records.ts'
import { chooseControls } from './controls.ts'
import { parseDurationMs, findEarliest, addMs } from './duration.ts'
import {
  EVIDENCE_CHECKS,
  getJudgedValues,
  type EvidenceContext,
  type EvidenceFinding,
  type EvidenceUnderReview,
} from './evidence-checks.ts'
import { judgeLimits } from './limits.ts'
import type { ChecklistItem, EvidenceEntry, GateItemState, ItemResult } from './types.ts'

/**
 * Judges the records of one item, before attestations. The records of `chooseRecords` count, and of several the one with
 * the worst state after `waive`, which is asked for each: no waiver of one covers another. The first check that fails
 * gives the state of a record. Codes and detail are those of all failed checks with that state; those of a failure are
 * of all failed checks. Without a measurement the item is `pending`, or `inconclusive` where its probe cannot run yet.
 * `valid_until` is null unless the item passes, fails, is waived, or is inconclusive by a record.
 */
export function judgeEvidence(
  item: ChecklistItem,
  context: EvidenceContext,
  waive: (found: ItemResult) => ItemResult,
): ItemResult {
  const { logs, runners, now } = context
  const entries = chooseRecords(
    logs,
    { runners, now },
    ({ item: id, kind }) => id === item.id && kind === 'measurement',
  )
  const controls = chooseControls(item, logs, {
    runners: runners.filter(({ revoked }) => !revoked),
    now,
  })
  const judged = entries.map((entry) => waive(judgeRecord({ item, entry, controls, context })))
  const [worst] = STATES_BY_WEIGHT.flatMap((state) => judged.filter((one) => one.state === state))
  if (worst === undefined) return waive(buildItemResult(item, null, [['pending', 'no_record', '']]))
  // A record that becomes too old weighs more than one that passes.
  const ends = judged.map(({ valid_until }) => valid_until)
  return { ...worst, valid_until: worst.valid_until === null ? null : findEarliest(ends) }
}
/** Worst first; a record alone is never `pending`. */
const STATES_BY_WEIGHT: readonly GateItemState[] = [
  'fail',
  'error',
  'inconclusive',
  'stale',
  'waived',
  'pass',
]

function judgeRecord(review: EvidenceUnderReview): ItemResult {
  const { item, entry } = review
  const found = EVIDENCE_CHECKS.flatMap((check) => check(review))
  const [[state] = ['pass']] = found
  // Beside a failure every check that fails is a reason: a waiver covers broken limits alone.
  const reasons = found.filter((one) => state === 'fail' || one[0] === state)
  const built = buildItemResult(item, entry, reasons)
  const result = { ...built, measured: judgeLimits(item.limits, getJudgedValues(review)) }
  return { ...result, valid_until: AGEING.has(result.state) ? findExpiry(review) : null }
}
/** States that end once the measurement or a control is too old; an inconclusive one may be waived until then. */
const AGEING: ReadonlySet<GateItemState> = new Set(['pass', 'fail', 'inconclusive'])

function buildItemResult(
  { id, group, limits }: ChecklistItem,
  entry: EvidenceEntry | null,
  found: readonly EvidenceFinding[],
): ItemResult {
  const detail = found.map(([, , text]) => text).filter((text) => text !== '')
  return {
    id,
    group,
    state: found[0]?.[0] ?? 'pass',
    codes: [...new Set(found.map(([, code]) => code))],
    detail: [...new Set(detail)].join('; '),
    measured: judgeLimits(limits, entry?.record.measured ?? {}),
    valid_until: null,
    evidence:
      entry === null
        ? null
        : {
            seq: entry.record.seq,
            hash: entry.hash,
            runner: entry.runner,
            ended_at: entry.record.ended_at,
          },
    waiver: null,
  }
}

/** The earliest time from now on at which the measurement or one of its controls becomes too old. */
const findExpiry = ({
  item,
  entry: { record },
  controls,
  context: { now },
}: EvidenceUnderReview): Instant | null =>
  findEarliest(
    [
      addMs(record.ended_at, parseDurationMs(item.max_age)),
      ...controls.flatMap(({ rule, entries }) =>
        entries.map((one) => addMs(one.record.ended_at, parseDurationMs(rule.max_age))),
      ),
    ].filter((time) => now < time),
  )
