import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { loadArtefact, packagedArtefact, parseArtefact } from '../../artefacts/load.ts'
import { findPlanProblems } from '../../artefacts/rules/gate-rules.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { instantFromMs, type Instant, instantToMs } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import { RUNBOOK, readInputFiles } from '../team-folder/input-files.ts'
import type { GateFiles } from '../team-folder/load-gate-files.ts'
import { readFileIfPresent, SIGNOFF_FILES, writeBelow } from '../team-folder/signoff-files.ts'

type Plan = NonNullable<GateFiles['plan']>

export interface NewPlanRequest {
  readonly root: string
  readonly cwd: string
  readonly now: Instant
  /** Null for the value of the template. */
  readonly cutover: string | null
  readonly environment: string | null
  /** The identity of the database that takes over; null where it is not known. */
  readonly database: string | null
  /** The beginning of the window; null for in a day. */
  readonly from: Instant | null
  /** Asks a person; null without a terminal. */
  readonly ask: ((question: string) => Promise<string>) | null
}

const HOUR_MS = 3_600_000
/** As in the template: a freeze from a day before the window, which lasts 4 hours, until 20 hours after it. */
const WINDOW_H = 4
const FREEZE_BEFORE_H = 24
const FREEZE_AFTER_H = 20
const MOST_AHEAD_H = 168

/**
 * A window of 4 hours that begins at the given time, by default at a full hour 24 to 25 hours after `now`, and the
 * freeze around it: from 24 hours before its begin until 20 hours after its end.
 */
export function proposeSpans(
  now: Instant,
  from: Instant | null = null,
): Pick<Plan, 'window' | 'freeze'> {
  const soon = Math.ceil(instantToMs(now) / HOUR_MS) * HOUR_MS + 24 * HOUR_MS
  const start = from === null ? soon : instantToMs(from)
  const at = (hours: number): Instant => instantFromMs(start + hours * HOUR_MS)
  return {
    window: { from: at(0), until: at(WINDOW_H) },
    freeze: { from: at(-FREEZE_BEFORE_H), until: at(WINDOW_H + FREEZE_AFTER_H) },
  }
}

/**
 * `ff plan new`: writes `checklists/plan.json` with all that can be known: cutover and environment, the database, a
 * window with its freeze, and the digest of the runbook. Asks a person on a terminal for who is on call and for what
 * the Admin team decided; an empty answer leaves the placeholder of the template.
 *
 * @returns what is still to be filled in, a line each
 * @throws FfError `file_exists`, `option_invalid` for a window that does not begin within 7 days, `artefact_invalid` for
 *   a value or an answer that the plan cannot hold, `output_failed`, `interrupted` at a question
 */
export async function newPlan(request: NewPlanRequest): Promise<readonly string[]> {
  const { root, cwd, now, cutover, environment, database, from, ask } = request
  await requireAbsent(cwd)
  requireSoon(from, now)
  const read = await loadArtefact('cutover_plan', packagedArtefact(root, 'cutover_plan'))
  if (!read.ok) throw toArtefactError(read.problems)
  const template = read.loaded.value
  const runbook = (await readInputFiles(cwd, null))[RUNBOOK] ?? null
  const known: Plan = {
    ...template,
    cutover_id: cutover ?? template.cutover_id,
    environment: environment ?? template.environment,
    database: database ?? template.database,
    ...proposeSpans(now, from),
    runbook_digest: runbook === null ? template.runbook_digest : digest(runbook),
  }
  const plan = ask === null ? known : await askPeople(known, ask)
  const text = `${JSON.stringify(plan, null, 2)}\n`
  const checked = parseArtefact('cutover_plan', { text, shown: SIGNOFF_FILES.plan })
  const problems = checked.ok ? findPlanProblems(checked.loaded) : checked.problems
  if (problems.length > 0) throw toArtefactError(problems)
  await writeBelow(cwd, SIGNOFF_FILES.plan, text)
  return listOpen(plan, template, { database, runbook })
}

const digest = (base64url: string): string =>
  createHash('sha256').update(Buffer.from(base64url, 'base64url')).digest('hex')

async function requireAbsent(cwd: string): Promise<void> {
  const shown = SIGNOFF_FILES.plan
  if ((await readFileIfPresent(join(cwd, shown), shown)) === null) return
  throw new FfError('file_exists', `${shown} exists already, so nothing was written.`, {
    hint: 'Change it by hand: `ff plan check` says for each rule that is broken what to write.',
  })
}

function requireSoon(from: Instant | null, now: Instant): void {
  if (from === null) return
  const hours = (instantToMs(from) - instantToMs(now)) / HOUR_MS
  if (hours > 0 && hours <= MOST_AHEAD_H) return
  throw new FfError('option_invalid', `--from is ${from}: the window begins within 7 days.`, {
    hint: `Write --from ${proposeSpans(now).window.from}, for example.`,
  })
}

async function askPeople(plan: Plan, ask: (question: string) => Promise<string>): Promise<Plan> {
  const askOr = async (question: string, otherwise: string): Promise<string> => {
    const answer = (await ask(`${question} (empty: later)`)).trim()
    return answer === '' ? otherwise : answer
  }
  const on_call: Plan['on_call'][number][] = []
  for (const { role, name, contact } of plan.on_call)
    on_call.push({
      role,
      name: await askOr(`Name of the ${role}?`, name),
      contact: await askOr(`Contact of the ${role}?`, contact),
    })
  const { admin } = plan
  const verdict = await askOr("Verdict of the Admin team's own gate, such as go?", admin.verdict)
  const own = {
    verdict: verdict as Plan['admin']['verdict'],
    checklist_digest: await askOr('SHA-256 of its checklist?', admin.checklist_digest),
    date: await askOr('Time of that verdict, such as 2026-01-15T09:00:00.000Z?', admin.date),
    contact: await askOr('Contact at the Admin team?', admin.contact),
  }
  return { ...plan, on_call: on_call as unknown as Plan['on_call'], admin: own }
}

/** What the plan still has from the template. */
function listOpen(
  plan: Plan,
  template: Plan,
  { database, runbook }: { readonly database: string | null; readonly runbook: string | null },
): readonly string[] {
  const isSame = (name: keyof Plan): boolean =>
    JSON.stringify(plan[name]) === JSON.stringify(template[name])
  return [
    ...(database === null
      ? [
          'database: set FF_DATABASE_URL to the one that takes over; ff plan check then names the value',
        ]
      : []),
    ...(runbook === null ? [`runbook_digest: write ${RUNBOOK}`] : []),
    'staging_database: the database that GET /identity of the instances of staging names; without it no record of staging counts',
    ...(isSame('on_call') ? ['on_call: who is on call'] : []),
    ...(isSame('admin') ? ['admin: what the Admin team decided'] : []),
    'peak_requests_per_second and replicas: the numbers of your service',
  ]
}
