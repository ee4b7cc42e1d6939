import { loadPersistence } from '../features/migrate/load-persistence.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import { checkPlan } from '../features/setup/plan-check.ts'
import { newPlan } from '../features/setup/plan-new.ts'
import { instantFromMs } from '../core/rows/instant.ts'
import { escapeLine } from '../core/text/terminal.ts'
import type { Context, Invocation } from './context.ts'
import type { PLAN_CHECK, PLAN_NEW } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff plan new`: writes `checklists/plan.json`, prints what is still to be filled in and the next command, and ends
 * `ok`. Asks for people on a terminal, and reads the identity of the database where one is named.
 * @throws FfError `file_exists`, `option_invalid`, `artefact_invalid`, `output_failed`, `setting_invalid`,
 * `target_invalid`, `secret_in_option`, `interrupted` at a question, and the errors of the database
 */
export async function runPlanNew({ context, options }: Invocation<typeof PLAN_NEW>): Promise<void> {
  const { root, cwd, now, io } = context
  const { cutover, environment, from } = options
  const database = await identify(context, options.database)
  const ask = (await io.terminal())?.ask ?? null
  const at = instantFromMs(now().getTime())
  const open = await newPlan({ root, cwd, now: at, cutover, environment, database, from, ask })
  const lines = [
    'Wrote checklists/plan.json. Still to fill in there:',
    ...open.map((one) => `  ${one}`),
    'Next: ff plan check',
  ]
  await io.stdout(lines.map((line) => `${escapeLine(line)}\n`).join(''))
  context.exit = 'ok'
}

/**
 * `ff plan check`: prints a report on each rule of the plan, and sets its exit. Reads the identity of the database
 * where one is named; records nothing.
 * @throws FfError `nothing_to_check` without a plan, `artefact_invalid`, `checklist_loosened`, `setting_invalid`,
 * `target_invalid`, `secret_in_option`, the errors of the database, and those of `runReportCommand`, such as
 * `output_failed`
 */
export const runPlanCheck = (invocation: Invocation<typeof PLAN_CHECK>): Promise<void> =>
  runReportCommand(invocation, async () => {
    const { context, options } = invocation
    const { root, cwd, now, adapters } = context
    const folder = { root, cwd, checklist: options.checklist }
    const database = await identify(context, options.database)
    return checkPlan({ folder, database, now }, adapters)
  })

/** The identity of the database that an option or FF_DATABASE_URL names; null where neither does. */
async function identify(
  { root, cwd, env, adapters }: Context,
  target: string | null,
): Promise<string | null> {
  const { FF_DATABASE_URL } = (await loadSettings(env, cwd)).values
  const spec = target === null ? FF_DATABASE_URL : parseTargetOrThrow(target, env)
  if (spec === null) return null
  return adapters.identifyDatabase(spec, (await loadPersistence(root)).versions)
}
