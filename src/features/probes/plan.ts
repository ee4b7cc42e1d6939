import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { instantToMs } from '../../core/rows/instant.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { GateFiles } from '../team-folder/load-gate-files.ts'
import { defineProbe, type ProbeContext } from './framework/probe.ts'

type Plan = NonNullable<GateFiles['plan']>
/** What the digest of the plan is taken of. */
const RUNBOOK = 'checklists/runbook.md'
/** What a template leaves to be filled in. */
const BLANKS: ReadonlySet<string> = new Set(['to be named', ''])
const HOUR_MS = 3_600_000

/** J1: whether somebody could go by the plan now. That it is well formed was seen when it was loaded. */
export const plan = defineProbe<Plan>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound: (context, use) => use(requirePlan(context)),
  faulty: (context, use) => {
    const past = (hours: number): Instant =>
      new Date(context.now().getTime() - hours * HOUR_MS).toISOString() as Instant
    return use({ ...requirePlan(context), window: { from: past(8), until: past(4) } })
  },
  measure: async (cutoverPlan, context): Promise<Measurement> => {
    const { window, on_call, admin, runbook_digest } = cutoverPlan
    const now = context.now().getTime()
    const digest = await computeRunbookDigest(context)
    const named = on_call.filter((one) => isFilled([one.role, one.name, one.contact]))
    const faults = findFaults(cutoverPlan, { now, digest })
    return {
      measured: {
        plan_faults: faults.length,
        window_starts_in_h: (instantToMs(window.from as Instant) - now) / HOUR_MS,
        window_ahead: instantToMs(window.from as Instant) > now,
        on_call: new Set(named.map(({ name }) => name)).size,
        admin_in_step: isInStep(admin, now),
        runbook_matches: digest === runbook_digest,
      },
      met: {
        cutover: `${cutoverPlan.cutover_id}, attempt ${cutoverPlan.attempt}`,
        window: `${window.from} to ${window.until}`,
        admin_checklist: admin.checklist_digest,
        admin_date: admin.date,
        runbook: `${RUNBOOK} ${digest}`,
      },
      sample_size: 1,
      example: faults[0] ?? null,
    }
  },
})

/** @throws FfError `target_missing` */
export function requirePlan({ plan: found }: Pick<ProbeContext, 'plan'>): Plan {
  if (found !== null) return found
  throw new FfError('target_missing', 'It needs checklists/plan.json.', {
    hint: 'Copy checklists/templates/plan.json there, and fill it in with the Admin team.',
  })
}

/** @throws FfError `target_missing` */
async function computeRunbookDigest({ cwd }: ProbeContext): Promise<string> {
  try {
    return createHash('sha256')
      .update(await readFile(join(cwd, RUNBOOK)))
      .digest('hex')
  } catch (cause) {
    throw new FfError(
      'target_missing',
      `It needs ${RUNBOOK}, which the plan names by its digest.`,
      {
        hint: 'Put the runbook there, and its SHA-256 into runbook_digest of the plan.',
        cause,
      },
    )
  }
}

const isFilled = (texts: readonly string[]): boolean =>
  texts.every((text) => !BLANKS.has(text.trim().toLowerCase()))
const NO_DIGEST = '0'.repeat(64)

/** Admin goes first or at the same time, and has said so: GO, of a checklist that has a digest, on a day that has been. */
const isInStep = (
  { verdict, checklist_digest, date, contact }: Plan['admin'],
  now: number,
): boolean =>
  verdict === 'go' &&
  checklist_digest !== NO_DIGEST &&
  instantToMs(date as Instant) <= now &&
  isFilled([contact])

function findFaults(
  { window, freeze, on_call, admin, runbook_digest, database }: Plan,
  { now, digest }: { readonly now: number; readonly digest: string },
): readonly string[] {
  const rows: readonly (readonly [boolean, string])[] = [
    [window.from >= window.until, 'the window does not end after it begins'],
    [instantToMs(window.from as Instant) <= now, `the window began at ${window.from}`],
    [
      freeze.from > window.from || freeze.until < window.until,
      'the freeze does not cover the window',
    ],
    [!on_call.every((one) => isFilled([one.name, one.contact])), 'somebody on call is not named'],
    [!isInStep(admin, now), `Admin says ${admin.verdict} as of ${admin.date}`],
    [digest !== runbook_digest, `${RUNBOOK} is not the one that the plan names`],
    [database.startsWith('0/'), 'the plan names no database'],
  ]
  return rows.flatMap(([broken, fault]) => (broken ? [fault] : []))
}
