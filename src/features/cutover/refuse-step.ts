import { isProductionName, isRehearsal } from '../../core/auth/environment.ts'
import { DRILL_RETURN } from '../../core/cutover/drill.ts'
import { CUTOVER_PHASES } from '../../core/cutover/phases.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import type { GateReport } from '../../core/report/types.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { RegisteredInstance } from '../../ports/cutover.ts'
import { listRollbackSteps } from './rollback-steps.ts'

/** What a plan says of the places of its cutover: a part of what a step is judged by. */
export interface StepPlan {
  readonly report: { readonly identity: Pick<GateReport['identity'], 'environment' | 'database'> }
  /** The database of staging; null where the plan names none. */
  readonly stagingDatabase: string | null
}
/** What a step into `db_authoritative` is judged by. */
export interface StepGate extends StepPlan {
  readonly report: GateReport
  /** `digestConfiguration` of the settings that the report is about. */
  readonly configuration: string
}

/** Where a step is taken. */
export interface StepPlace {
  /** FF_ENV. */
  readonly environment: string
  /** `system_identifier/oid/schema/place` of the database. */
  readonly database: string
  readonly record: PhaseRecord
}

/**
 * Whether a place is a scratch copy, which needs no GO. A database that the plan names is none, whatever its record says,
 * except in a rehearsal, whose plan is about nothing else.
 */
export const isScratchCopy = (
  { record, database, environment }: StepPlace,
  gate: StepPlan | null,
): boolean =>
  record.scratch &&
  (![gate?.report.identity.database, gate?.stagingDatabase].includes(database) ||
    isRehearsal(environment, gate?.report.identity.environment))

/**
 * Whether the gate lets this environment go over to the database: a GO about this very environment, database and
 * attempt. A scratch copy needs none.
 *
 * @param gate null where there is no team folder
 * @returns null where it may
 */
export function refuseByGate(place: StepPlace, gate: StepGate | null): FfError | null {
  if (isScratchCopy(place, gate)) return null
  return gate === null
    ? refuseUnplanned()
    : (refuseOtherPlace(place, gate) ?? refuseVerdict(gate.report))
}

/**
 * Whether a drill may give the authority to this database for a while: that of staging as the plan names it, never the
 * target's and never in production. A scratch copy needs no plan.
 *
 * @param gate null where there is no team folder
 * @returns null where it may
 */
export function refuseDrill(place: StepPlace, gate: StepPlan | null): FfError | null {
  const { record } = place
  return (
    (isScratchCopy(place, gate) ? null : refuseOtherStaging(place, gate)) ??
    refuseInDrill(record) ??
    refuseOtherPhase(record)
  )
}

function refuseOtherStaging(
  { environment, database }: StepPlace,
  gate: StepPlan | null,
): FfError | null {
  if (isProductionName(environment))
    return refuse(
      `A drill is for staging, and FF_ENV is ${quoteValue(environment)}.`,
      'ff config show --origin',
    )
  const identity = gate?.report.identity
  if (gate === null || identity?.environment == null) return refuseUnplanned()
  const { stagingDatabase } = gate
  if (stagingDatabase === null)
    return refuse(
      `The plan names no staging_database: where this is staging, write "staging_database": "${database}" into checklists/plan.json.`,
      'ff cutover status',
    )
  if (stagingDatabase !== database)
    return refuse(
      `The plan names ${quoteValue(stagingDatabase)} as the database of staging, and this one is ${quoteValue(database)}.`,
      'ff config show --origin',
    )
  if (identity.database === database)
    return refuse(
      'The plan names this database both as the target and as that of staging.',
      'ff gate',
    )
  if (isSameEnvironment(identity.environment, environment))
    return refuse(
      `FF_ENV is ${quoteValue(environment)}, which is the target of the plan and not its staging.`,
      'ff config show --origin',
    )
  return null
}

/** The step before a drill has its own command. */
function refuseOtherPhase({ phase }: PhaseRecord): FfError | null {
  if (phase === 'shadow_read') return null
  const isBefore = CUTOVER_PHASES.indexOf(phase) < CUTOVER_PHASES.indexOf('shadow_read')
  return refuse(
    `A drill begins in shadow_read, and the phase is ${phase}.`,
    isBefore ? 'ff cutover advance' : 'ff cutover rollback --to shadow_read',
  )
}

/** Out of a drill there is the way back alone. @returns null outside of one */
export const refuseInDrill = ({ drillEndsAt }: PhaseRecord): FfError | null =>
  drillEndsAt === null
    ? null
    : refuse(
        `A drill is under way until ${new Date(drillEndsAt).toISOString()}; then the writer goes back by itself.`,
        `ff cutover rollback --to ${DRILL_RETURN.goal}`,
      )

/**
 * What was measured has to be what runs, the same everywhere.
 *
 * @param live the instances that renew
 * @param gate null on a scratch copy, where they need only be alike
 * @returns null where it is
 */
export function refuseMixed(
  live: readonly Pick<RegisteredInstance, 'id' | 'facts'>[],
  gate: StepGate | null,
): FfError | null {
  const [first] = live
  if (first === undefined) return null
  const wanted = gate === null ? first.facts : toFacts(gate)
  for (const { id, facts } of live)
    for (const member of ['code', 'schema_head', 'configuration'] as const)
      if (facts[member] !== wanted[member])
        return new FfError(
          'phase_refused',
          `The instance ${quoteValue(id)} runs with ${member} ${quoteValue(String(facts[member]))}, not with ${quoteValue(String(wanted[member]))}.`,
          {
            hint: 'Deploy the same code and settings everywhere, those of this command too; `ff cutover status` lists the instances.',
          },
        )
  return null
}

const toFacts = ({ report: { identity }, configuration }: StepGate) => ({
  code: identity.code,
  schema_head: Number.parseInt(identity.schema_head ?? '0', 10),
  configuration,
})

function refuseOtherPlace(
  { environment, database, record }: StepPlace,
  { report: { identity }, stagingDatabase }: StepGate,
): FfError | null {
  if (identity.environment === null) return refuseUnplanned()
  if (database === stagingDatabase)
    return refuse(
      'This is the database of staging, which takes this step by a drill alone.',
      'ff cutover drill --staging',
    )
  if (!isSameEnvironment(identity.environment, environment))
    return refuse(
      `The plan is about the environment ${quoteValue(identity.environment)}, and FF_ENV is ${quoteValue(environment)}.`,
      'ff config show --origin',
    )
  if (identity.database !== database)
    return refuse(
      `The plan is about the database ${quoteValue(identity.database ?? '')}, and this one is ${quoteValue(database)}.`,
      'ff config show --origin',
    )
  if (identity.attempt !== record.attempt)
    return refuse(
      `The plan is about attempt ${identity.attempt ?? 'none'}, and this is attempt ${record.attempt}: set "attempt": ${record.attempt} in checklists/plan.json, and measure and sign again.`,
      'ff gate',
    )
  return null
}

/** `prod` and `production` are one. */
const isSameEnvironment = (one: string, other: string): boolean =>
  one === other || (isProductionName(one) && isProductionName(other))

const refuse = (message: string, command: string): FfError =>
  new FfError('phase_refused', message, { hint: `Run \`${command}\`.` })

const refuseUnplanned = (): FfError =>
  refuse('There is no plan, so no GO can be about this cutover.', 'ff plan new')

/** The blockers of a verdict that is no GO, with the way back. */
function refuseVerdict(report: GateReport): FfError | null {
  if (report.verdict === 'go') return null
  const blockers = report.items.filter(({ state }) => state !== 'pass' && state !== 'waived')
  const count = `${blockers.length} of ${report.counts.expected} items`
  return new FfError(
    'phase_refused',
    `The gate says ${report.verdict.toUpperCase().replaceAll('_', '-')}: ${count} block the step into db_authoritative.`,
    {
      hint: report.next === null ? 'Run `ff gate`.' : `Run \`${report.next}\`, then \`ff gate\`.`,
      details: [
        // First: of many details only some are printed.
        ...listRollbackSteps('shadow_read', 'file').map(
          ({ command, what }) => `way back: ${command} (${what})`,
        ),
        ...report.findings.map(({ code, detail }) => `${code}: ${detail}`),
        ...blockers.map(describeBlocker),
      ],
    },
  )
}

/** One item: its state, what was measured against what is required, and one concrete case. */
function describeBlocker({
  id,
  title,
  state,
  codes,
  measured,
  evidence,
}: GateReport['items'][number]): string {
  const broken = measured
    .filter(({ held }) => !held)
    .map(
      ({ measure, value, required }) =>
        `${measure} ${value ?? 'not measured'}, required ${required}`,
    )
  const example = evidence?.example ?? null
  const facts = [...codes, ...broken, ...(example === null ? [] : [example])]
  return `${id} ${title}: ${state}${facts.length === 0 ? '' : `, ${facts.join('; ')}`}`
}
