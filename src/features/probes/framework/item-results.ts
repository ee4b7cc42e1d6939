import type { ControlFault } from '../../../core/gate/controls.ts'
import { findElsewhere } from '../../../core/gate/evidence-checks.ts'
import { formatLimit } from '../../../core/gate/limits.ts'
import type { ChecklistItem, ControlRule, EvidenceDraft } from '../../../core/gate/types.ts'
import { type CheckResult, passResult } from '../../../core/report/check-report.ts'
import type { ErrorCode } from '../../../errors.ts'
import type { ProbeLookup } from '../index.ts'

/**
 * The result of an item that an ended run did not finish: state `pending`, without findings, and the command that
 * measures it.
 */
export const toPendingResult = ({ item }: ProbeLookup): CheckResult => ({
  ...passResult(item.id, item.title),
  state: 'pending',
  next: `ff probe run ${item.id}`,
})

/**
 * The result of an item without a probe: `inconclusive`, with one finding that has the code of the lookup and names
 * the missing part; no next step.
 */
export const toUnmeasuredResult = ({
  item,
  code,
  needs,
}: Exclude<ProbeLookup, { ok: true }>): CheckResult => ({
  ...passResult(item.id, item.title),
  state: 'inconclusive',
  findings: [{ code, pointer: null, detail: `needs ${needs}` }],
  next: null,
})

/** A control with the reason why it does not count, null where it does, and what its newest run said. */
export interface JudgedControl extends ControlRule {
  readonly code: ControlFault | null
  readonly example: string | null
}

/** What a result depends on besides the record. */
interface ResultTerms {
  readonly controls: readonly JudgedControl[]
  /** The database of staging by the plan; null where it names none. */
  readonly staging_database: string | null
}

/**
 * The result of an item from its record, null where only controls ran, and its judged controls. A control that does
 * not count makes a pass or fail `inconclusive`, as at the gate, and so does a pass that was measured elsewhere; else the
 * record decides: `pass`, `fail`, or `inconclusive` also for an error. All but a pass have findings with codes, and the
 * next command.
 */
export function toCheckResult(
  item: ChecklistItem,
  draft: EvidenceDraft | null,
  { controls, staging_database }: ResultTerms,
): CheckResult {
  const result = draft?.result ?? 'pass'
  const missed = result === 'pass' || result === 'fail' ? controls.filter(isMissed) : []
  const title = formatTitle(item, draft, controls)
  if (missed.length > 0)
    return {
      ...passResult(item.id, title),
      state: 'inconclusive',
      findings: missed.map(toControlFinding),
      next: `ff probe selftest ${item.id}`,
    }
  if (draft === null) return passResult(item.id, title)
  if (result === 'pass')
    return toPassResult(item, title, findElsewhere(item, draft, staging_database))
  const { codes, example } = draft
  const required = item.limits.map(formatLimit).join('; ')
  return {
    ...passResult(item.id, title),
    state: result === 'fail' ? 'fail' : 'inconclusive',
    findings: codes.map((code) => ({ code, pointer: null, detail: example ?? required })),
    next:
      result === 'fail'
        ? `${item.remediation} Then: ff probe run ${item.id}`
        : `ff probe run ${item.id}${codes.includes(NOT_ALLOWED) ? ` --allow-disrupt ${item.id}` : ''}`,
  }
}
const NOT_ALLOWED: ErrorCode = 'disrupt_not_allowed'

/** All limits held; `elsewhere` says where, if the gate wants another place. */
const toPassResult = (
  { id, where }: ChecklistItem,
  title: string,
  elsewhere: string | null,
): CheckResult =>
  elsewhere === null
    ? passResult(id, title)
    : {
        ...passResult(id, title),
        state: 'inconclusive',
        findings: [{ code: 'measured_elsewhere', pointer: null, detail: elsewhere }],
        next: where === 'target' ? 'ff plan check' : `ff probe explain ${id}`,
      }

const isMissed = ({ code }: JudgedControl): boolean => code !== null

const toControlFinding = ({ code, limit, name, example }: JudgedControl) => ({
  code: String(code),
  pointer: null,
  detail: example ?? `${limit}: ${name}`,
})

/** Such as `Title (12 checked, 3 of 3 controls detected)`. */
function formatTitle(
  { title }: ChecklistItem,
  draft: EvidenceDraft | null,
  controls: readonly JudgedControl[],
): string {
  const detected = controls.length - controls.filter(isMissed).length
  const checked = draft === null ? '' : `${draft.sample_size} checked, `
  return `${title} (${checked}${detected} of ${controls.length} controls detected)`
}
