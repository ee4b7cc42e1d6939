import { isDeepStrictEqual } from 'node:util'
import { isProductionName, isRehearsal } from '../../../core/auth/environment.ts'
import {
  judgeMeasurement,
  type Measurement,
  type MeasurementResult,
} from '../../../core/gate/judge-measurement.ts'
import type {
  ChecklistItem,
  EvidenceDraft,
  CutoverIdentity,
  Where,
} from '../../../core/gate/types.ts'
import { isLoopback, type TargetSpec } from '../../../core/parity/target.ts'
import type { Instant } from '../../../core/rows/instant.ts'
import { FfError } from '../../../errors.ts'
import {
  identifyTarget,
  makeProductionError,
  refuseProduction,
} from '../testbed/production-guard.ts'
import { requireDatabase, type Probe, type ProbeContext } from './probe.ts'
import {
  checkStaging,
  makeUnsaidError,
  requirePermission,
  type StagingIdentity,
} from './staging.ts'

/** The parts of a record that do not come from the measurement. */
export interface ProbeRecordTerms {
  readonly identity: CutoverIdentity
  readonly tool_version: string
  /** Number of measurements; results that differ are `inconclusive` (`flaky`). */
  readonly repeat: number
}
/**
 * The place of a measurement; `database` is `system_identifier/oid/schema/place`, null for scratch. `said` is what the
 * instances of staging say of themselves, in place of what is known of this runner.
 */
interface Place {
  readonly where: Where
  readonly database: string | null
  readonly said?: Omit<StagingIdentity, 'database'>
}
interface Attempt extends MeasurementResult {
  readonly found: Measurement
}
/** What an attempt found that measured nothing. */
export const NOTHING_FOUND: Measurement = { measured: {}, met: {}, sample_size: 0, example: null }

/** The context of a run, and what its records hold besides. */
export interface ProbeRun {
  readonly context: ProbeContext
  readonly terms: ProbeRecordTerms
  /**
   * Called once before the instances of staging are measured, which then are those that were meant. What it returns is
   * called after that, before any control.
   */
  readonly onStaging?: () => Promise<() => Promise<void>>
}

/**
 * Measures one item `terms.repeat` times and returns the unsigned record; writes nothing itself, and runs no control.
 *
 * An error of the probe, also of finding its place, ends in the record: an FfError as `inconclusive` with its code, an
 * error of a system call as `inconclusive` with `system_refused`, any other (and code `internal`) as `error` with
 * `probe_broke`. Repeats with different results are `inconclusive` (`flaky`). A probe that writes or disrupts is
 * refused on the server of production (`production_refused`), and one that disrupts on staging unless `mayDisrupt` names
 * its item (`disrupt_not_allowed`).
 *
 * @throws only FfError `interrupted`, `terminated` or `timeout`, where the probe throws one
 */
export async function runProbe(
  item: ChecklistItem,
  probe: Probe,
  { context, terms, onStaging }: ProbeRun,
): Promise<EvidenceDraft> {
  const started_at = toInstant(context)
  const own: ProbeContext = { ...context, params: item.probe.params }
  const elsewhere: Place = { where: 'scratch', database: null }
  let end = (): Promise<void> => Promise.resolve()
  const place = await attempt(async () => {
    const found = await (findStaging(probe, own, terms) ?? findPlace(item, probe, own))
    if (found.where === 'staging') requirePermission(item, own)
    if (found.said !== undefined) end = (await onStaging?.()) ?? end
    return found
  })
  const done = !place.ok
    ? place
    : await attempt(async () => {
        try {
          return await measureInPlace(item, probe, { context: own, terms, place: place.value })
        } finally {
          await end()
        }
      })
  const last = done.ok ? done.value : toFailedAttempt(done.error)
  const { where, database, said } = place.ok === true ? place.value : elsewhere
  return {
    schemaVersion: 1,
    kind: 'measurement',
    ...describeItem(item, probe),
    where,
    result: last.result,
    codes: last.codes,
    measured: last.found.measured,
    met: last.found.met,
    sample_size: last.found.sample_size,
    example: last.detail === '' ? last.found.example : truncateExample(last.detail),
    control: null,
    started_at: last.found.span?.from ?? started_at,
    ended_at: last.found.span?.until ?? toInstant(context),
    identity: { ...terms.identity, ...said, database },
    tool_version: terms.tool_version,
  }
}

/**
 * The members of a record that follow from its item and probe: the item's id, effect and limits, and its probe call
 * with the version of the probe.
 */
export const describeItem = (item: ChecklistItem, { version }: Probe) => ({
  item: item.id,
  probe: { ...item.probe, version },
  effect: item.effect,
  limits: item.limits,
})
/** The present time by the clock of the context, RFC 3339 in UTC with milliseconds. */
export const toInstant = ({ now }: ProbeContext): Instant => now().toISOString() as Instant
/** The longest example in a record. */
const MAX_CHARACTERS = 2_000
/** The first 2,000 characters of a text: the longest example in a record. */
export const truncateExample = (text: string): string => text.slice(0, MAX_CHARACTERS)

/**
 * Measures; a pass counts only where the instances of staging still say of themselves what they said before: one may have
 * been replaced meanwhile.
 */
async function measureInPlace(
  item: ChecklistItem,
  probe: Probe,
  { place, ...run }: ProbeRun & { readonly place: Place },
): Promise<Attempt> {
  const measured = await measureRepeatedly(item, probe, run)
  if (place.said === undefined || measured.result !== 'pass') return measured
  const after = await attempt(() => Promise.resolve(findStaging(probe, run.context, run.terms)))
  if (!after.ok) return toFailedAttempt(after.error)
  return isDeepStrictEqual(after.value, place)
    ? measured
    : toFailedAttempt(makeUnsaidError('one was replaced during the measurement'))
}

/** Measures `repeat` times; results that differ make the attempt inconclusive. */
async function measureRepeatedly(
  item: ChecklistItem,
  probe: Probe,
  { context, terms }: ProbeRun,
): Promise<Attempt> {
  const attempts: Attempt[] = []
  for (let time = 0; time < terms.repeat; time++) {
    const measurement = await attempt(() => probe.measure(context))
    attempts.push(
      measurement.ok
        ? { ...judgeMeasurement(item, measurement.value), found: measurement.value }
        : toFailedAttempt(measurement.error),
    )
  }
  const last = attempts.at(-1) as Attempt
  const results = attempts.map(({ result }) => result)
  const found = { ...last.found, met: { ...last.found.met, times_measured: attempts.length } }
  return new Set(results).size === 1
    ? { ...last, found }
    : { result: 'inconclusive', codes: ['flaky'], detail: results.join(', '), found }
}

/** The value of a piece of work, or its error. */
export type Attempted<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown }
/**
 * Runs a piece of work to its value or its error, whatever it throws.
 *
 * @throws FfError `interrupted`, `terminated` or `timeout` of the work, which end the run
 */
export async function attempt<T>(work: () => Promise<T>): Promise<Attempted<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    // The end of the run is not a result of the probe.
    if (error instanceof FfError && ENDINGS.has(error.code)) throw error
    return { ok: false, error }
  }
}
const ENDINGS: ReadonlySet<string> = new Set(['interrupted', 'terminated', 'timeout'])

/**
 * An attempt that measured nothing, from its error: `inconclusive` with the code of an FfError, or with
 * `system_refused` for an error of a system call; `error` with `probe_broke` for any other and for code `internal`.
 * Its detail holds the message, up to three details and the hint.
 */
export function toFailedAttempt(error: unknown): Attempt {
  const text = error instanceof Error ? error.message : String(error)
  const code = findReason(error)
  const more = error instanceof FfError ? [...error.details.slice(0, 3), error.hint] : []
  return {
    result: code === null ? 'error' : 'inconclusive',
    codes: [code ?? 'probe_broke'],
    detail: [text, ...more].join(' '),
    found: NOTHING_FOUND,
  }
}

/** The code of an expected failure, `system_refused` for a system call; null for a bug. */
function findReason(error: unknown): string | null {
  if (error instanceof FfError) return error.code === 'internal' ? null : error.code
  return error instanceof Error && 'syscall' in error ? 'system_refused' : null
}

/**
 * Where a probe measures the instances of staging: checks them before they are disturbed. Null where it does not.
 *
 * @throws FfError as `checkStaging`
 */
function findStaging(
  { staging: needs }: Probe,
  context: ProbeContext,
  { identity: { build } }: ProbeRecordTerms,
): Promise<Place> | null {
  const { staging } = context.targets
  if (needs === undefined || staging === undefined) return null
  return checkStaging(needs, staging, { context, build }).then(({ database, ...said }) => ({
    where: 'staging',
    database,
    said,
  }))
}

/**
 * Finds the place of a measurement. A probe of effect `observe` may run anywhere. One that writes or disrupts never runs
 * on a server of production, and not on a database that cannot be identified.
 *
 * @throws FfError `production_refused`, `place_refused`, `target_missing`, or the error of identifying the database
 */
async function findPlace(
  item: ChecklistItem,
  { site }: Probe,
  context: ProbeContext,
): Promise<Place> {
  const changes = item.effect !== 'observe'
  const spec = toSpec(site, context)
  const needsIdentity = site !== 'scratch' || (spec?.kind === 'postgres' && changes)
  const environment = site === 'scratch' ? undefined : context.environment
  const database =
    needsIdentity && spec !== null ? await identifyTarget(spec, context, environment) : null
  if (changes && isDeclaredLive(item, site, context)) throw makeProductionError()
  if (changes) refuseProduction(database, context)
  return {
    where: getWhere(item, { site, spec, database }, context),
    database: site === 'scratch' ? null : database,
  }
}

const toSpec = (site: Probe['site'], context: ProbeContext): TargetSpec | null =>
  ({
    scratch: () => context.targets.scratch,
    database: () => requireDatabase(context),
    declared: () => context.targets.database,
  })[site]()

interface ProbePlace {
  readonly site: Probe['site']
  readonly spec: TargetSpec | null
  readonly database: string | null
}
function getWhere(
  item: ChecklistItem,
  { site, spec, database }: ProbePlace,
  { plan, environment }: Pick<ProbeContext, 'plan' | 'environment'>,
): Where {
  if (site === 'scratch') return 'scratch'
  if (site === 'declared') return item.where
  const isHere = spec !== null && isLoopback(spec)
  if (database === plan?.database)
    return isHere && isRehearsal(environment, plan?.environment) ? item.where : 'target'
  return isHere ? 'scratch' : 'staging'
}

const isDeclaredLive = (
  { where }: ChecklistItem,
  site: Probe['site'],
  { plan }: ProbeContext,
): boolean =>
  site === 'declared' && where === 'target' && plan !== null && isProductionName(plan.environment)
