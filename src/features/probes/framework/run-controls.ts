import { isDetected } from '../../../core/gate/controls.ts'
import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import type { ChecklistItem, ControlRule, EvidenceDraft } from '../../../core/gate/types.ts'
import type { Instant } from '../../../core/rows/instant.ts'
import { FfError } from '../../../errors.ts'
import type { Measure, Probe, ProbeContext } from './probe.ts'
import {
  attempt,
  type Attempted,
  describeItem,
  NOTHING_FOUND,
  type ProbeRun,
  toFailedAttempt,
  toInstant,
  truncateExample,
} from './run-probe.ts'

/**
 * Runs these controls of one item, each fault once however many limits it stands for, and returns an unsigned record of
 * kind `control` for each limit, place `scratch`, in the order of `rules`. The result is `pass` where the fault breaks
 * this very limit, else `inconclusive`: `control_not_detected`, or `control_not_run` with `control` null where the
 * control threw or the probe has none for the limit.
 *
 * @throws only FfError `interrupted`, `terminated` or `timeout`, where a control throws one
 */
export async function runControls(
  item: ChecklistItem,
  probe: Probe,
  { context, terms, rules }: ProbeRun & { readonly rules: readonly ControlRule[] },
): Promise<readonly EvidenceDraft[]> {
  // A fault is planted on what the probe starts itself, also where it measures staging.
  const { staging: _, ...targets } = context.targets
  const own: ProbeContext = { ...context, targets, params: item.probe.params }
  const done = new Map<Measure | undefined, ControlRun>()
  const drafts: EvidenceDraft[] = []
  for (const rule of rules) {
    const control = probe.controls.get(rule.limit)
    const run = done.get(control) ?? (await runControl(control, own))
    done.set(control, run)
    drafts.push(toControlDraft(item, rule, { probe, run, terms }))
  }
  return drafts
}

/** One run of a fault, or why it could not run. */
interface ControlRun {
  readonly started_at: Instant
  readonly ended_at: Instant
  readonly outcome: Attempted<Measurement>
}
async function runControl(
  control: Measure | undefined,
  context: ProbeContext,
): Promise<ControlRun> {
  const started_at = toInstant(context)
  const outcome = await attempt(async () => {
    if (control !== undefined) return control(context)
    throw new FfError('option_invalid', 'The probe has no planted fault for this measure.', {
      hint: 'Run ff checklist diff, and take the limit out.',
    })
  })
  return { started_at, ended_at: toInstant(context), outcome }
}

interface ControlParts extends Pick<ProbeRun, 'terms'> {
  readonly probe: Probe
  readonly run: ControlRun
}
function toControlDraft(
  item: ChecklistItem,
  { limit, name }: ControlRule,
  { probe, run, terms }: ControlParts,
): EvidenceDraft {
  const { started_at, ended_at, outcome } = run
  const found = outcome.ok ? outcome.value : NOTHING_FOUND
  const judged = describeControl(item, limit, outcome)
  return {
    schemaVersion: 1,
    kind: 'control',
    ...describeItem(item, probe),
    limit,
    limits: item.limits.filter(({ measure }) => measure === limit),
    where: 'scratch',
    result: judged.code === null ? 'pass' : 'inconclusive',
    codes: judged.code === null ? [] : [judged.code],
    measured: found.measured,
    met: found.met,
    sample_size: found.sample_size,
    example: truncateExample(`${limit}, ${name}: ${judged.detail}`),
    control: outcome.ok
      ? { name, outcome: judged.code === null ? 'detected' : 'not_detected', at: ended_at }
      : null,
    started_at,
    ended_at,
    identity: { ...terms.identity, database: null },
    tool_version: terms.tool_version,
  }
}

interface JudgedControl {
  readonly code: 'control_not_run' | 'control_not_detected' | null
  readonly detail: string
}
function describeControl(
  item: ChecklistItem,
  limit: string,
  outcome: Attempted<Measurement>,
): JudgedControl {
  if (!outcome.ok) return { code: 'control_not_run', detail: toFailedAttempt(outcome.error).detail }
  const value = new Map(Object.entries(outcome.value.measured)).get(limit)
  const detail = value === undefined ? 'nothing was measured' : `measured ${value}`
  const detected = isDetected(item, limit, outcome.value)
  return { code: detected ? null : 'control_not_detected', detail }
}
