import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { measurePlan } from '../../core/gate/plan-rules.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { MAX_INPUT_BYTES, RUNBOOK } from '../team-folder/input-files.ts'
import type { GateFiles } from '../team-folder/load-gate-files.ts'
import { defineProbe, fromValue, type ProbeContext, type WithResource } from './framework/probe.ts'

type Plan = NonNullable<GateFiles['plan']>
const HOUR_MS = 3_600_000
const TWO_WEEKS_H = 336

/** The plan with some members changed; `ahead` gives a time so many hours from now. */
const plantInPlan = (
  change: (found: Plan, ahead: (hours: number) => Instant) => Partial<Plan>,
): WithResource<Plan> =>
  fromValue((context) => {
    const found = requirePlan(context)
    const ahead = (hours: number): Instant =>
      new Date(context.now().getTime() + hours * HOUR_MS).toISOString() as Instant
    return { ...found, ...change(found, ahead) }
  })
const isOver = plantInPlan((_plan, ahead) => ({ window: { from: ahead(-8), until: ahead(-4) } }))

/**
 * J1: faults of the loaded cutover plan (a window that is over, an unnamed person on call, an Admin without its
 * GO, a runbook in the team's folder with another digest, and the like), the hours until the window, and the number of
 * persons on call. Loading has already validated its form. Each control changes one member of the plan.
 *
 * Inconclusive (`target_missing`) without a plan or a readable runbook.
 */
export const plan = defineProbe<
  Plan,
  | 'plan_faults'
  | 'window_starts_in_h'
  | 'window_ahead'
  | 'on_call'
  | 'admin_in_step'
  | 'runbook_matches'
>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound: (context, use) => use(requirePlan(context)),
  faulty: {
    plan_faults: isOver,
    window_starts_in_h: plantInPlan((_plan, ahead) => ({
      window: { from: ahead(TWO_WEEKS_H), until: ahead(TWO_WEEKS_H + 4) },
    })),
    window_ahead: isOver,
    on_call: plantInPlan(({ on_call }) => ({ on_call: on_call.slice(0, 1) })),
    admin_in_step: plantInPlan(({ admin }) => ({ admin: { ...admin, verdict: 'no_go' } })),
    runbook_matches: plantInPlan(() => ({ runbook_digest: '0'.repeat(64) })),
  },
  measure: async (cutoverPlan, context): Promise<Measurement> => {
    const { window, admin } = cutoverPlan
    const runbook = await computeRunbookDigest(context)
    const now = context.now().toISOString() as Instant
    const { measured, faults } = measurePlan(cutoverPlan, { now, runbook })
    return {
      measured,
      met: {
        cutover: `${cutoverPlan.cutover_id}, attempt ${cutoverPlan.attempt}`,
        window: `${window.from} to ${window.until}`,
        admin_checklist: admin.checklist_digest,
        admin_date: admin.date,
        runbook: `${RUNBOOK} ${runbook}`,
      },
      sample_size: 1,
      example: faults[0]?.detail ?? null,
    }
  },
})

/**
 * The cutover plan of the team's folder, as loaded with the context; reads no file.
 *
 * @throws FfError `target_missing` where there is none
 */
export function requirePlan({ plan: found }: Pick<ProbeContext, 'plan'>): Plan {
  if (found !== null) return found
  throw new FfError('target_missing', 'The probe needs checklists/plan.json, and there is none.', {
    hint: 'Write it with `ff plan new`, and fill it in with the Admin team.',
  })
}

/** SHA-256 of the runbook, in hex. @throws FfError `target_missing` where it cannot be read */
async function computeRunbookDigest({ cwd }: ProbeContext): Promise<string> {
  try {
    const read = await readBounded(join(cwd, RUNBOOK), MAX_INPUT_BYTES)
    if (!read.ok) throw new TypeError(read.fault)
    return createHash('sha256').update(read.bytes).digest('hex')
  } catch (cause) {
    throw new FfError(
      'target_missing',
      `Cannot read ${RUNBOOK}, which the plan names by its digest.`,
      {
        hint: 'Write the runbook; `ff plan check` then names its digest, for runbook_digest of the plan.',
        cause,
      },
    )
  }
}
