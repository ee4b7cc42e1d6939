import { parseShaped } from '../../../artefacts/load.ts'
import { closeAfter } from '../../../concurrency/open-all.ts'
import { readIdentity } from '../../../core/auth/claims.ts'
import { isProductionName } from '../../../core/auth/environment.ts'
import type { ChecklistItem } from '../../../core/gate/types.ts'
import { FfError } from '../../../errors.ts'
import type { HttpClient } from '../../../ports/http.ts'
import { noteDisturbance } from '../../observe/disturbances.ts'
import { findRecordingFolder } from '../../observe/recording.ts'
import { IDENTITY_ROUTE, type InstanceIdentity } from '../../serve/identity.ts'
import { makeProductionError, refuseProduction } from '../testbed/production-guard.ts'
import type { ProbeContext } from './probe.ts'
import type { StagingCaller, StagingFault, StagingNeeds, StagingTarget } from './staging-target.ts'

/** What a probe needs of staging to measure an item there, in words for a person. */
export const describeStagingNeeds = (
  { id, effect }: Pick<ChecklistItem, 'id' | 'effect'>,
  needs: StagingNeeds,
): readonly string[] => [
  `at least ${needs.instances} instances (more where the checklist says so), each with the origins of its service and of its admin port: --staging SERVICE,ADMIN for each, or FF_STAGING_URL`,
  'of each instance, by GET /identity of its admin port: the same environment (not prod), code, schema, configuration, database, and this build of ff',
  'staging_database of checklists/plan.json: that database; without it no record counts',
  ...(needs.callers === 0 ? [] : describeTokens(needs)),
  ...(needs.fault === undefined ? [] : [describeFault(needs.fault)]),
  needs.changes,
  ...(effect === 'disrupt' ? [`--allow-disrupt ${id}: without it staging is not disrupted`] : []),
]
const FAULTS: Readonly<Record<StagingFault, string>> = { admin: 'Admin', database: 'the database' }
const describeFault = (fault: StagingFault): string =>
  `FF_STAGING_FAULTS: a program that makes ${FAULTS[fault]} fail for the instances when it is run with the words begin ${fault}, and ends that with end ${fault}, also where nothing fails; it ends with 0 once that is so`
const describeTokens = ({ callers, tenants, scopes }: StagingNeeds): readonly string[] => [
  callers === 1
    ? 'FF_STAGING_TOKEN_FILE: a token, on the first line, of a user (sub) with a tenant (tid)'
    : `FF_STAGING_TOKEN_FILE: ${callers} tokens, one on each line, of different users (sub) with a tenant (tid); ${tenants === 'each' ? 'no two of one tenant' : 'the last one of another tenant than the first'}`,
  ...(scopes.length === 0 ? [] : [`in each token the scopes ${scopes.join(' ')}`]),
]
/** The place of a measurement on staging: what all instances say of themselves. */
export type StagingIdentity = Pick<InstanceIdentity, 'code' | 'schema_head' | 'config_digest'> & {
  readonly database: string
}

/**
 * Checks that staging has what a probe needs, before it is disturbed: instances that say the same of themselves, none of
 * production, of another build, or on another database than the plan names for staging, where there is a plan; and tokens
 * of different users with the scopes. Returns what the instances say.
 *
 * @throws FfError `target_missing` for what is missing, `identity_not_said`, `production_refused`, `target_unreachable`
 */
export async function checkStaging(
  needs: StagingNeeds,
  target: StagingTarget,
  { context, build }: { readonly context: ProbeContext; readonly build: string },
): Promise<StagingIdentity> {
  readCallers(needs, target)
  requireFaults(needs, target)
  const { instances } = target
  requireDifferentOrigins(needs, target)
  const said = await Promise.all(instances.map(({ admin }) => askIdentity(admin, context)))
  // `prod` is also what an instance says where FF_ENV is not set.
  if (said.some(({ environment }) => isProductionName(environment))) throw makeProductionError()
  for (const { database } of said) refuseProduction(database, context)
  const [first, ...others] = said as [InstanceIdentity, ...InstanceIdentity[]]
  for (const member of SAME) {
    const other = others.findIndex((one) => one[member] !== first[member])
    if (other !== -1)
      throw makeUnsaidError(
        `${instances[other + 1]?.admin ?? ''} says another ${member} than ${instances[0]?.admin ?? ''}`,
      )
  }
  const { code, schema_head, config_digest, database } = first
  if (database === null) throw makeUnsaidError('they name no database')
  if (first.build !== build) throw makeUnsaidError('they run another build of ff than this one')
  requirePlannedDatabase(database, context)
  return { code, schema_head, config_digest, database }
}

/** @throws FfError `target_missing` where a plan names another database for staging, or none */
function requirePlannedDatabase(database: string, { plan }: ProbeContext): void {
  if (plan === null || plan.staging_database === database) return
  const named = plan.staging_database ?? 'no staging_database'
  throw new FfError(
    'target_missing',
    `The instances are on the database ${database}, and the plan names ${named}.`,
    {
      hint: `Name the instances of the staging of this cutover; where these are they, write "staging_database": "${database}" into checklists/plan.json.`,
    },
  )
}

/** @throws FfError where an instance is named twice, for it would always have heard of a change */
function requireDifferentOrigins(needs: StagingNeeds, { instances }: StagingTarget): void {
  for (const port of ['service', 'admin'] as const) {
    const named = new Set(instances.map((one) => one[port])).size
    if (named < Math.max(needs.instances, instances.length))
      throw makeMissingError(
        `${needs.instances} instances or more, and ${named} of ${instances.length} ${port} origins differ`,
      )
  }
}

const SAME = [
  'environment',
  'code',
  'schema_head',
  'config_digest',
  'build',
  'database',
] as const satisfies readonly (keyof InstanceIdentity)[]

/** What an instance says of itself at its admin port. @throws FfError `identity_not_said`, `target_unreachable` */
export const askIdentity = (admin: string, { adapters }: ProbeContext): Promise<InstanceIdentity> =>
  closeAfter(async (keep) => {
    const client: HttpClient = await keep(adapters.openClient(admin))
    const { method, path } = IDENTITY_ROUTE
    const { status, text } = await client.send({ method, path })
    const read = parseShaped('instance-identity', { text, shown: `${admin}${path}` })
    if (status === 200 && read.ok) return read.loaded.value as InstanceIdentity
    throw makeUnsaidError(`${admin}${path} answers ${status}`)
  })

/**
 * The callers by their tokens, whose claims are read without a check: the service decides whether they hold.
 *
 * @throws FfError `target_missing` for too few tokens, one without a tenant or a scope, two of one user, or all of one
 *   tenant
 */
export function readCallers(
  { callers: count, tenants, scopes }: StagingNeeds,
  { tokens, scopeClaim }: Pick<StagingTarget, 'tokens' | 'scopeClaim'>,
): readonly StagingCaller[] {
  if (count === 0) return []
  if (tokens.length < count) throw makeTokenError(`${count} tokens, and there are ${tokens.length}`)
  const read = tokens.slice(0, count).map((token, at) => {
    const claims = readClaims(token)
    const { user_id, tenant_id, scopes: held } = readIdentity(claims ?? {}, scopeClaim)
    const missing = scopes.find((scope) => !held.includes(scope))
    if (typeof user_id !== 'string' || typeof tenant_id !== 'string')
      throw makeTokenError(`tokens with sub and tid, and token ${at + 1} lacks one`)
    if (missing !== undefined)
      throw makeTokenError(`the scope ${missing}, and token ${at + 1} lacks it`)
    return { headers: { authorization: `Bearer ${token}` }, tenant_id, user_id }
  })
  if (new Set(read.map(({ user_id }) => user_id)).size < count)
    throw makeTokenError('tokens of different users')
  if (count > 1 && read[0]?.tenant_id === read.at(-1)?.tenant_id)
    throw makeTokenError('a last token of another tenant than the first')
  if (tenants === 'each' && new Set(read.map(({ tenant_id }) => tenant_id)).size < count)
    throw makeTokenError(`${count} tokens of as many tenants`)
  return read
}

function readClaims(token: string): Readonly<Record<string, unknown>> | null {
  try {
    const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')
    const claims: unknown = JSON.parse(text)
    return typeof claims === 'object' ? (claims as Readonly<Record<string, unknown>>) : null
  } catch {
    return null // No token: the caller says what is missing.
  }
}

/** @throws FfError `target_missing` where something has to fail, and no program is named that causes it */
function requireFaults({ fault }: StagingNeeds, { faults }: StagingTarget): void {
  if (fault === undefined || faults !== null) return
  throw new FfError('target_missing', `The probe needs a failure of ${FAULTS[fault]} on staging.`, {
    hint: 'Set FF_STAGING_FAULTS to a program that causes it; ff probe explain says how it is run.',
  })
}

/** Makes the FfError `target_missing` of a probe that needs other instances. */
export const makeMissingError = (what: string): FfError =>
  new FfError('target_missing', `The probe needs ${what}.`, {
    hint: 'Name each instance with --staging SERVICE,ADMIN or in FF_STAGING_URL; ff probe explain says what it needs.',
  })
const makeTokenError = (what: string): FfError =>
  new FfError('target_missing', `The probe needs ${what}.`, {
    hint: 'Write a token on each line of the file that FF_STAGING_TOKEN_FILE names; ff probe explain says what it needs.',
  })
/** Makes the FfError `identity_not_said` of instances that are not one staging. */
export const makeUnsaidError = (why: string): FfError =>
  new FfError('identity_not_said', `The instances of staging do not say one identity: ${why}.`, {
    hint: 'Deploy one build with the same settings to all of them, and ask GET /identity of each admin port.',
  })

type Disturbing = Pick<ChecklistItem, 'id' | 'effect'>

/** @throws FfError `option_invalid` for an id that is not that of an item which disrupts, such as a wildcard */
export function requireDisrupting(items: readonly Disturbing[], ids: readonly string[]): void {
  const disrupting = items.flatMap(({ id, effect }) => (effect === 'disrupt' ? [id] : []))
  const wrong = ids.find((id) => !disrupting.includes(id))
  if (wrong === undefined) return
  throw new FfError('option_invalid', `--allow-disrupt names ${wrong}, which disrupts nothing.`, {
    hint: `Name items by their ids: ${disrupting.join(', ')}.`,
  })
}

/** @throws FfError `disrupt_not_allowed` for an item that disrupts staging and that no option names */
export function requirePermission(
  { id, effect }: Disturbing,
  { mayDisrupt }: Pick<ProbeContext, 'mayDisrupt'>,
): void {
  if (effect !== 'disrupt' || mayDisrupt?.has(id) === true) return
  throw new FfError('disrupt_not_allowed', `Measuring ${id} on staging disrupts it.`, {
    hint: `Allow it by name: ff probe run ${id} --allow-disrupt ${id}; ff probe explain ${id} says what it does there.`,
  })
}

/**
 * Notes beside the recording of staging that the probe of an item disturbs it from now on, unless it only observes.
 *
 * @returns a function that notes the end
 * @throws FfError `disk_full` or `evidence_unwritable`, also of that function
 */
export async function noteProbe(
  { id, effect }: Disturbing,
  { cwd, now }: Pick<ProbeContext, 'cwd' | 'now'>,
): Promise<() => Promise<void>> {
  return effect === 'observe'
    ? () => Promise.resolve()
    : noteDisturbance(findRecordingFolder(cwd), id, () => now().getTime())
}
