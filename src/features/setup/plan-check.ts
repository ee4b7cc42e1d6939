import { createSignoffDependencies } from '../../artefacts/documents.ts'
import { formatLimit, judgeLimits } from '../../core/gate/limits.ts'
import { measurePlan, type PlanFault } from '../../core/gate/plan-rules.ts'
import { buildCheckReport, passResult } from '../../core/report/check-report.ts'
import type { CheckReport } from '../../core/report/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { digestInputs } from '../team-folder/digest-inputs.ts'
import { RUNBOOK } from '../team-folder/input-files.ts'
import { type GateFiles, type GateFolder, toGateFiles } from '../team-folder/load-gate-files.ts'
import { readSignoffFiles, SIGNOFF_FILES } from '../team-folder/signoff-files.ts'
import { proposeSpans } from './plan-new.ts'

/** A rule of J1, or one that needs a database or the limits of the checklist. */
type PlanRule = PlanFault | 'window_too_far' | 'on_call_too_few' | 'database_differs'

interface PlanCheckRequest {
  readonly folder: GateFolder
  /** The identity of the database that FF_DATABASE_URL or --database names; null where none does. */
  readonly database: string | null
  readonly now: () => Date
}
interface FixTerms {
  /** SHA-256 of the runbook; null where there is none. */
  readonly runbook: string | null
  readonly database: string | null
  readonly now: Instant
}

/** Each rule as it holds, and what to write where it does not. */
const RULES: Readonly<Record<PlanRule, readonly [title: string, fix: (of: FixTerms) => string]>> = {
  window_unordered: ['the window ends after it begins', fixWindow],
  window_over: ['the end of the window is ahead', fixWindow],
  window_too_far: ['the window begins soon enough', fixWindow],
  freeze_too_short: ['the freeze covers the window', fixWindow],
  on_call_unnamed: [
    'each person on call has a name and a contact',
    () => `Name each person with a contact in on_call of ${SIGNOFF_FILES.plan}.`,
  ],
  on_call_too_few: [
    'enough people are on call',
    () => `Add another person, with a name and a contact, to on_call of ${SIGNOFF_FILES.plan}.`,
  ],
  admin_out_of_step: [
    'Admin has given its GO',
    () =>
      `Get verdict, checklist digest, date and contact from the Admin team, and write them into admin of ${SIGNOFF_FILES.plan}.`,
  ],
  runbook_differs: [
    'the runbook is the one that the plan names',
    ({ runbook }) =>
      runbook === null
        ? `Write ${RUNBOOK}, the steps of the cutover and of the way back; \`ff plan check\` then names its digest.`
        : `Write "runbook_digest": "${runbook}" into ${SIGNOFF_FILES.plan}, once the runbook is as it should be.`,
  ],
  database_unnamed: ['the plan names a database', fixDatabase],
  database_differs: [
    'the database is the one that the plan names',
    ({ database }) =>
      `Set FF_DATABASE_URL to the database of the plan; where ${database ?? ''} is the one that takes over, write "database": "${database ?? ''}" into ${SIGNOFF_FILES.plan}.`,
  ],
}
/** The rule behind a limit of J1 that no fault stands for. */
const LIMITS: Readonly<Record<string, PlanRule>> = {
  window_starts_in_h: 'window_too_far',
  on_call: 'on_call_too_few',
}

function fixWindow({ now }: FixTerms): string {
  const { window, freeze } = proposeSpans(now)
  const write = (name: string, { from, until }: typeof window): string =>
    `"${name}": {"from": "${from}", "until": "${until}"}`
  return `Agree a window that begins within 7 days, inside a freeze, and write both into ${SIGNOFF_FILES.plan}, such as ${write('window', window)} and ${write('freeze', freeze)}.`
}

function fixDatabase({ database }: FixTerms): string {
  return database === null
    ? 'Set FF_DATABASE_URL to the database that takes over: `ff plan check` then names the value for database of the plan.'
    : `Write "database": "${database}" into ${SIGNOFF_FILES.plan}.`
}

/**
 * `ff plan check`: judges the plan by the rules and limits of J1 as of now, and compares its database with the one
 * that is given; one item for each rule, a broken one with what to write. Measures and records nothing.
 *
 * @throws FfError `nothing_to_check` without a plan, `artefact_invalid`, `checklist_loosened`, `waiver_altered`
 */
export async function checkPlan(
  { folder, database, now }: PlanCheckRequest,
  { signoffCrypto }: Pick<Adapters, 'signoffCrypto'>,
): Promise<CheckReport> {
  const texts = await readSignoffFiles(folder)
  const files = await toGateFiles(folder.root, texts, folder.checklist)
  const plan = requirePlanFile(files)
  const tools = createSignoffDependencies(await signoffCrypto())
  const runbook = digestInputs(texts, files, tools)[RUNBOOK] ?? null
  const at = now().toISOString() as Instant
  const { measured, faults } = measurePlan(plan, { now: at, runbook })
  const limits = files.checklist.value.items.find(({ probe }) => probe.name === 'plan')?.limits
  const broken = judgeLimits(limits ?? [], measured).filter(({ held }) => !held)
  const found = new Map<PlanRule, string>([
    ...faults.map(({ code, detail }) => [code, detail] as const),
    ...broken.flatMap(({ limit, value }) => {
      const rule = LIMITS[limit.measure]
      return rule === undefined ? [] : [[rule, `${value}, and ${formatLimit(limit)}`] as const]
    }),
    ...compareDatabases(plan.database, database),
  ])
  const rules = (Object.keys(RULES) as PlanRule[]).filter(
    (rule) => rule !== 'database_differs' || isCompared(plan.database, database),
  )
  const items = rules.map((rule) => {
    const [title, fix] = RULES[rule]
    const detail = found.get(rule)
    if (detail === undefined) return passResult(rule, title)
    const findings = [{ code: rule, pointer: null, detail }]
    const next = fix({ runbook, database, now: at })
    return { id: rule, title, state: 'fail' as const, findings, next }
  })
  return buildCheckReport('plan_check', items)
}

/** Without a database on one side nothing is compared, which is no pass. A plan without one has a fault of its own. */
const isCompared = (named: string, given: string | null): given is string =>
  given !== null && !named.startsWith('0/')

const compareDatabases = (
  named: string,
  given: string | null,
): readonly (readonly [PlanRule, string])[] =>
  !isCompared(named, given) || given === named
    ? []
    : [['database_differs', `the plan names ${named}, and FF_DATABASE_URL or --database ${given}`]]

function requirePlanFile({ plan }: Pick<GateFiles, 'plan'>): NonNullable<GateFiles['plan']> {
  if (plan !== null) return plan
  throw new FfError('nothing_to_check', `There is no ${SIGNOFF_FILES.plan}.`, {
    hint: 'Write one with `ff plan new`.',
  })
}
