import { type Instant, instantToMs } from '../rows/instant.ts'
import type { Scalar } from './types.ts'

interface Span {
  readonly from: string
  readonly until: string
}
/** The members of checklists/plan.json that J1 judges. */
export interface JudgedPlan {
  readonly database: string
  readonly window: Span
  readonly freeze: Span
  readonly on_call: readonly {
    readonly role: string
    readonly name: string
    readonly contact: string
  }[]
  readonly admin: {
    readonly checklist_digest: string
    readonly verdict: string
    readonly date: string
    readonly contact: string
  }
  readonly runbook_digest: string
}
/** The time, and the SHA-256 of the runbook; null where there is none. */
export interface PlanMoment {
  readonly now: Instant
  readonly runbook: string | null
}

const HOUR_MS = 3_600_000
/** A rule of the plan that does not hold. */
export type PlanFault =
  | 'window_unordered'
  | 'window_over'
  | 'freeze_too_short'
  | 'on_call_unnamed'
  | 'admin_out_of_step'
  | 'runbook_differs'
  | 'database_unnamed'

/** Placeholders of the template, in lower case. */
const BLANKS: ReadonlySet<string> = new Set(['to be named', ''])
const NO_DIGEST = '0'.repeat(64)

/**
 * The values of J1 as of a moment (number of faults, hours until the window, whether its end is ahead, named people
 * on call, Admin's GO, the runbook), and each broken rule with its code and words; no faults for a sound plan. The
 * probe and the gate measure alike.
 */
export function measurePlan(
  plan: JudgedPlan,
  { now, runbook }: PlanMoment,
): {
  readonly measured: Readonly<Record<string, Scalar>>
  readonly faults: readonly { readonly code: PlanFault; readonly detail: string }[]
} {
  const { window, on_call, admin, runbook_digest } = plan
  const named = on_call.filter((one) => isFilled([one.role, one.name, one.contact]))
  const faults = findFaults(plan, { now, runbook })
  return {
    measured: {
      plan_faults: faults.length,
      window_starts_in_h: (toMs(window.from) - toMs(now)) / HOUR_MS,
      window_ahead: isAhead(window.until, now),
      on_call: new Set(named.map(({ name }) => name)).size,
      admin_in_step: isInStep(admin, now),
      runbook_matches: runbook === runbook_digest,
    },
    faults,
  }
}

const toMs = (time: string): number => instantToMs(time as Instant)
const isAhead = (time: string, now: Instant): boolean => toMs(time) > toMs(now)
const isFilled = (texts: readonly string[]): boolean =>
  texts.every((text) => !BLANKS.has(text.trim().toLowerCase()))

/**
 * Whether Admin, which cuts over first or at the same time, has given its GO for a checklist with a digest, in the
 * past.
 */
const isInStep = (
  { verdict, checklist_digest, date, contact }: JudgedPlan['admin'],
  now: Instant,
): boolean =>
  verdict === 'go' && checklist_digest !== NO_DIGEST && !isAhead(date, now) && isFilled([contact])

function findFaults(
  { window, freeze, on_call, admin, runbook_digest, database }: JudgedPlan,
  { now, runbook }: PlanMoment,
): ReturnType<typeof measurePlan>['faults'] {
  const rows: Readonly<Record<PlanFault, readonly [broken: boolean, detail: string]>> = {
    window_unordered: [window.from >= window.until, 'the window does not end after it begins'],
    window_over: [!isAhead(window.until, now), `the window ended at ${window.until}`],
    freeze_too_short: [
      freeze.from > window.from || freeze.until < window.until,
      'the freeze does not cover the window',
    ],
    on_call_unnamed: [
      !on_call.every((one) => isFilled([one.name, one.contact])),
      'a person on call has no name or no contact',
    ],
    admin_out_of_step: [
      !isInStep(admin, now),
      `Admin's verdict is ${admin.verdict} as of ${admin.date}`,
    ],
    runbook_differs: [
      runbook !== runbook_digest,
      'checklists/runbook.md does not match runbook_digest of the plan',
    ],
    database_unnamed: [database.startsWith('0/'), 'the plan names no database'],
  }
  return (Object.keys(rows) as PlanFault[])
    .filter((code) => rows[code][0])
    .map((code) => ({ code, detail: rows[code][1] }))
}
