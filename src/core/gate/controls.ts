import type { Instant } from '../rows/instant.ts'
import { chooseRecords } from './choose-records.ts'
import { addMs, parseDurationMs } from './duration.ts'
import { judgeLimits } from './limits.ts'
import type {
  ChecklistItem,
  ControlRule,
  CutoverIdentity,
  EvidenceDraft,
  EvidenceEntry,
  RunnerKey,
  WholeLog,
} from './types.ts'

/** The control of one limit, and the records that count for it, as `chooseRecords` says; they have to agree. */
export interface ChosenControl {
  readonly rule: ControlRule
  readonly entries: readonly EvidenceEntry[]
}
/** The code, the build, the item and the time that a control has to fit. */
export interface ControlTerms extends Pick<CutoverIdentity, 'code'> {
  readonly build: string | undefined
  /** The digest of the item as it is now. */
  readonly item_digest: string | undefined
  readonly now: Instant
}
/** Why the limit of a control is not shown to be able to break. */
export type ControlFault = 'control_not_run' | 'control_not_detected' | 'control_stale'

/**
 * Chooses the evidence of each control of an item, in the order of its checklist: of the item's control records for its
 * limit those that `chooseRecords` returns. These are, of the last record in the log of each runner, the newest, those
 * that overlap it in time, and failures of ended runners that still stand; a runner that the trust file does not name
 * counts only where no named one has a record, however new its own is. A control without a record has no entries.
 */
export const chooseControls = (
  item: ChecklistItem,
  logs: readonly WholeLog[],
  known: { readonly runners: readonly RunnerKey[]; readonly now: Instant },
): readonly ChosenControl[] => {
  const own = logs.map((log) => ({
    ...log,
    entries: log.entries.filter(
      ({ record }) => record.kind === 'control' && record.item === item.id,
    ),
  }))
  return item.controls.map((rule) => ({
    rule,
    entries: chooseRecords(own, known, ({ limit }) => limit === rule.limit),
  }))
}

/**
 * Whether a measurement under a planted fault breaks the limit of this measure: a value that is missing breaks nothing,
 * and neither does a fault that breaks other limits alone.
 */
export const isDetected = (
  { limits }: Pick<ChecklistItem, 'limits'>,
  measure: string,
  { measured }: Pick<EvidenceDraft, 'measured'>,
): boolean =>
  judgeLimits(limits, measured).some(
    ({ limit, value, held }) => limit.measure === measure && value !== null && !held,
  )

/**
 * Why a control does not count; null where it does. `control_not_run` without a record or where one did not end,
 * `control_not_detected` unless each reports a breach of the very limit, `control_stale` by age, another code, build,
 * item or probe.
 */
export function findControlFault(
  item: ChecklistItem,
  { rule, entries }: ChosenControl,
  { code, build, item_digest, now }: ControlTerms,
): ControlFault | null {
  const records = entries.map(({ record }) => record)
  if (records.length === 0 || records.some(({ control }) => control === null))
    return 'control_not_run'
  const detected = records.every(
    (one) => one.control?.outcome === 'detected' && isDetected(item, rule.limit, one),
  )
  if (!detected) return 'control_not_detected'
  const counts = records.every(
    ({ identity, probe, ended_at }) =>
      identity.code === code &&
      identity.build === build &&
      item_digest !== undefined &&
      identity.item_digest === item_digest &&
      probe.name === item.probe.name &&
      probe.version === item.probe.version &&
      now < addMs(ended_at, parseDurationMs(rule.max_age)),
  )
  return counts ? null : 'control_stale'
}
