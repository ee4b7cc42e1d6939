import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { instantToMs } from '../../core/rows/instant.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { MAX_INPUT_BYTES, RUNBOOK } from '../team-folder/input-files.ts'
import type { GateFiles } from '../team-folder/load-gate-files.ts'
import { defineProbe, type ProbeContext } from './framework/probe.ts'

type Plan = NonNullable<GateFiles['plan']>
/** Placeholders of the template, in lower case. */
const BLANKS: ReadonlySet<string> = new Set(['to be named', ''])
const HOUR_MS = 3_600_000

/**
 * J1: faults of the loaded cutover plan (a window that is not ahead, an unnamed person on call, an Admin without its
 * GO, a runbook in the team's folder with another digest, and the like), the hours until the window, and the number of
 * persons on call. Loading has already validated its form. The control moves the window into the past.
 *
 * Inconclusive (`target_missing`) without a plan or a readable runbook.
 */
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

/**
 * The cutover plan of the team's folder, as loaded with the context; reads no file.
 *
 * @throws FfError `target_missing` where there is none
 */
export function requirePlan({ plan: found }: Pick<ProbeContext, 'plan'>): Plan {
  if (found !== null) return found
  throw new FfError('target_missing', 'The probe needs checklists/plan.json, and there is none.', {
    hint: 'Run cp checklists/templates/plan.json checklists/plan.json (ff init writes the template), and fill it in with the Admin team.',
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
        hint: `Write the runbook, and put its digest (sha256sum ${RUNBOOK}) into runbook_digest of the plan.`,
        cause,
      },
    )
  }
}

const isFilled = (texts: readonly string[]): boolean =>
  texts.every((text) => !BLANKS.has(text.trim().toLowerCase()))
const NO_DIGEST = '0'.repeat(64)

/**
 * Whether Admin, which cuts over first or at the same time, has given its GO for a checklist with a digest, in the
 * past.
 */
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
    [
      !on_call.every((one) => isFilled([one.name, one.contact])),
      'a person on call has no name or no contact',
    ],
    [!isInStep(admin, now), `Admin's verdict is ${admin.verdict} as of ${admin.date}`],
    [digest !== runbook_digest, `${RUNBOOK} does not match runbook_digest of the plan`],
    [database.startsWith('0/'), 'the plan names no database'],
  ]
  return rows.flatMap(([broken, fault]) => (broken ? [fault] : []))
}
