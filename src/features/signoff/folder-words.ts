import type { WaiverEntry } from '../../core/signoff/types.ts'
import { formatCover } from '../../core/gate/waivers.ts'
import type { GateFiles } from '../team-folder/load-gate-files.ts'

type Plan = NonNullable<GateFiles['plan']>
type Trigger = NonNullable<GateFiles['triggers']>['triggers'][number]

/** The whole plan in words, one line a member; a line that says so without a plan. Nothing is escaped. */
export function describePlan(plan: GateFiles['plan']): readonly string[] {
  if (plan === null) return ['Plan        none']
  const { window, freeze, on_call, admin } = plan
  const rows: readonly (readonly [string, string])[] = [
    ['cutover', `${plan.cutover_id}, attempt ${plan.attempt}, in ${plan.environment}`],
    ['database', plan.database],
    ['of staging', plan.staging_database ?? 'not named'],
    ['window', formatSpan(window)],
    ['freeze', formatSpan(freeze)],
    ['load', `${plan.peak_requests_per_second} requests a second on ${plan.replicas} replicas`],
    ...on_call.map(
      ({ role, name, contact }) => ['on call', `${role}: ${name}, ${contact}`] as const,
    ),
    [
      'Admin',
      `${admin.verdict} at ${admin.date}, ${admin.contact}; checklist ${admin.checklist_digest}`,
    ],
    ['runbook', plan.runbook_digest],
  ]
  return ['Plan', ...rows.map(([name, text]) => `  ${name.padEnd(17)} ${text}`)]
}

const formatSpan = ({ from, until }: Plan['window']): string => `${from} to ${until}`

/**
 * The rollback triggers in words: a line with their number, then one line each; one line that says `none` without
 * the file. Nothing is escaped.
 */
export const describeTriggers = (triggers: GateFiles['triggers']): readonly string[] =>
  triggers === null
    ? ['Triggers    none']
    : [`Triggers    ${triggers.triggers.length}`, ...triggers.triggers.map(describeTrigger)]

const describeTrigger = ({ id, metric, op, limit, window_s, action, owner }: Trigger): string =>
  `  ${id}: ${metric} is not ${op.replace('_', ' ')} ${limit} for ${window_s} s; then ${action} (${owner})`

/**
 * The waivers in words: a line with their number, then one line each with all that its approvers read; one line that
 * says `none` without waivers. Nothing is escaped.
 */
export const describeWaivers = (waivers: readonly WaiverEntry[]): readonly string[] =>
  waivers.length === 0
    ? ['Waivers     none']
    : [`Waivers     ${waivers.length}`, ...waivers.map(describeEntry)]

function describeEntry(entry: WaiverEntry): string {
  const { id, item, environment, cutover_id, attempt, covers } = entry
  const { reason, risk, compensation, requester, expires_at, approvals } = entry
  const people = approvals.map(({ person, role }) => `${person} (${role})`).join(', ')
  return `  ${id} for ${item} until ${expires_at}, of ${cutover_id}, attempt ${attempt}, in ${environment}, covers ${formatCover(covers)}; reason: ${reason}; risk: ${risk}; compensation: ${compensation}; requested by ${requester}, approved by ${people === '' ? 'no one' : people}`
}
