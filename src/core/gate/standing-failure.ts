import { canonicalizeValue } from '../json/plain.ts'
import { chooseRecords } from './choose-records.ts'
import { chooseControls, findControlFault } from './controls.ts'
import { type EvidenceContext, isNamed, isOfPresent, mayControl } from './evidence-checks.ts'
import { isFailure, isOfAttempt } from './failures.ts'
import { judgeMeasurement } from './judge-measurement.ts'
import type { ChecklistItem, EvidenceEntry, EvidenceRecord } from './types.ts'

type Context = Pick<
  EvidenceContext,
  'logs' | 'expected' | 'runners' | 'now' | 'inputs' | 'item_digests' | 'staging_database'
>

/**
 * Whether a failure of an item stands, by the records that `chooseRecords` counts: those of this cutover and this
 * attempt, as far as the item depends on them. A later pass ends a failure only where it measured what the failure had
 * measured, or what is judged now: another code version, build, probe, item, input or database of staging is another
 * matter. It must stand at the item's place, by a runner that is named for it, and be a proof: every limit held, enough
 * looked at, and each control detected by the same program.
 */
export function hasStandingFailure(item: ChecklistItem, context: Context): boolean {
  const { logs, expected, runners, now } = context
  const own = logs.map((log) => ({
    ...log,
    entries: log.entries.filter(
      ({ record }) => record.item === item.id && isOfAttempt(item, record, expected),
    ),
  }))
  const failures = own.flatMap(({ entries }) =>
    entries.filter(({ record }) => isFailure(item, record)),
  )
  const subjects = new Set(failures.map(({ record }) => formatSubject(item, record)))
  if (subjects.size === 0) return false
  const passes = new Set(
    own.flatMap(({ entries }) => entries.filter((entry) => isProof(item, entry, context))),
  )
  return [...subjects].some((subject) => {
    const counts = (entry: EvidenceEntry): boolean => {
      const isSame = formatSubject(item, entry.record) === subject
      if (isFailure(item, entry.record)) return isSame
      return passes.has(entry) && (isSame || isOfPresent({ item, entry, context }))
    }
    const judged = own.map((log) => ({ ...log, entries: log.entries.filter(counts) }))
    const last = chooseRecords(judged, { runners, now }, () => true)
    return last.some(({ record }) => isFailure(item, record))
  })
}

/**
 * What a record measured, as text: the identity that the item depends on, the database of staging, the program, the probe,
 * the item, its inputs.
 */
const formatSubject = (
  { identity: fields, where }: ChecklistItem,
  { identity, probe: { name, version }, inputs = {} }: EvidenceRecord,
): string =>
  canonicalizeValue({
    identity: fields.map((field) => identity[field]),
    staging: where === 'staging' ? identity.database : null,
    build: identity.build,
    item: identity.item_digest,
    probe: { name, version },
    inputs,
  })

/** Whether a record is a pass in the item's place that the gate would have accepted when it was made. */
function isProof(item: ChecklistItem, entry: EvidenceEntry, context: Context): boolean {
  const { record } = entry
  const named = context.runners.filter(({ places }) => places.includes(item.where))
  return (
    record.kind === 'measurement' &&
    record.result === 'pass' &&
    record.where === item.where &&
    isNamed(entry, named) &&
    judgeMeasurement(item, record).result === 'pass' &&
    isControlled(item, record, context)
  )
}

/** Whether the controls of the same program and item, as of the time of a record, show that each limit can break. */
function isControlled(
  item: ChecklistItem,
  { identity, probe, ended_at }: EvidenceRecord,
  { logs, runners, now }: Context,
): boolean {
  const { code, build, item_digest } = identity
  const same = logs.map((log) => ({
    ...log,
    entries: log.entries.filter(
      ({ record: { identity: one } }) =>
        one.code === code && one.build === build && one.item_digest === item_digest,
    ),
  }))
  const current = runners.filter(({ revoked }) => !revoked)
  const terms = { code, build, item_digest, now: ended_at }
  return chooseControls(item, same, { runners: current, now }).every(
    (chosen) =>
      findControlFault({ ...item, probe }, chosen, terms) === null &&
      chosen.entries.every((one) => mayControl(item, one, runners)),
  )
}
