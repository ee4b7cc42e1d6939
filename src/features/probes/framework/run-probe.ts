import {
  judgeMeasurement,
  type Measurement,
  type MeasurementResult,
} from '../../../core/gate/judge-measurement.ts'
import type {
  ChecklistItem,
  ControlOutcome,
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

/** The parts of a record that do not come from the measurement. */
export interface ProbeRecordTerms {
  readonly identity: CutoverIdentity
  readonly tool_version: string
  /** Number of measurements; results that differ are `inconclusive` (`flaky`). */
  readonly repeat: number
}
/** The place of a measurement; `database` is `system_identifier/oid/schema`, null for scratch. */
interface Place {
  readonly where: Where
  readonly database: string | null
}
interface Attempt extends MeasurementResult {
  readonly found: Measurement
}
const NOTHING: Measurement = { measured: {}, met: {}, sample_size: 0, example: null }

/**
 * Measures one item `terms.repeat` times and returns the unsigned record; writes nothing itself. Where the result is
 * pass or fail and the item runs its control `with_probe`, runs the control once: unless that fails, the result becomes
 * inconclusive (`control_not_detected`, or `control_not_run` where it threw). `control` is null where none ran to its
 * end.
 *
 * An error of the probe, also of finding its place, ends in the record: an FfError as `inconclusive` with its code, an
 * error of a system call as `inconclusive` with `system_refused`, any other (and code `internal`) as `error` with
 * `probe_broke`. Repeats with different results are `inconclusive` (`flaky`). A probe that writes or disrupts is
 * refused on the server of production (`production_refused`).
 *
 * @throws only FfError `interrupted`, `terminated` or `timeout`, where the probe or the control throws one
 */
export async function runProbe(
  item: ChecklistItem,
  probe: Probe,
  { context, terms }: { readonly context: ProbeContext; readonly terms: ProbeRecordTerms },
): Promise<EvidenceDraft> {
  const started_at = toInstant(context)
  const own: ProbeContext = { ...context, params: item.probe.params }
  const elsewhere: Place = { where: 'scratch', database: null }
  const place = await attempt(() => findPlace(item, probe, own))
  const first =
    place.ok === true
      ? await measureRepeatedly(item, probe, { context: own, terms })
      : toFailedAttempt(place.error)
  const { control, ...last } = await addControl(item, probe, { context: own, first })
  const { where, database } = place.ok === true ? place.value : elsewhere
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
    example: last.detail === '' ? last.found.example : truncate(last.detail),
    control,
    started_at,
    ended_at: toInstant(context),
    identity: { ...terms.identity, database },
    tool_version: terms.tool_version,
  }
}

/**
 * Runs the control of one item once, without its measurement, whatever `control.run` of the item says, and returns the
 * unsigned record of kind `control`, place `scratch`. The result is `pass` where the planted fault breaks a limit, else
 * `inconclusive`: `control_not_detected`, or `control_not_run` with `control` null where the control threw.
 *
 * @throws only FfError `interrupted`, `terminated` or `timeout`, where the control throws one
 */
export async function runControl(
  item: ChecklistItem,
  probe: Probe,
  { context, terms }: { readonly context: ProbeContext; readonly terms: ProbeRecordTerms },
): Promise<EvidenceDraft> {
  const started_at = toInstant(context)
  const own: ProbeContext = { ...context, params: item.probe.params }
  const control = await tryControl(item, probe, own)
  const { outcome } = control
  return {
    schemaVersion: 1,
    kind: 'control',
    ...describeItem(item, probe),
    where: 'scratch',
    result: outcome?.outcome === 'detected' ? 'pass' : 'inconclusive',
    codes: outcome?.outcome === 'detected' ? [] : [control.code],
    measured: control.found.measured,
    met: control.found.met,
    sample_size: control.found.sample_size,
    example: control.detail === '' ? null : truncate(control.detail),
    control: outcome,
    started_at,
    ended_at: toInstant(context),
    identity: { ...terms.identity, database: null },
    tool_version: terms.tool_version,
  }
}

const describeItem = (item: ChecklistItem, { version }: Probe) => ({
  item: item.id,
  probe: { ...item.probe, version },
  effect: item.effect,
  limits: item.limits,
})
const toInstant = ({ now }: ProbeContext): Instant => now().toISOString() as Instant
/** The longest example in a record. */
const MAX_CHARACTERS = 2_000
const truncate = (text: string): string => text.slice(0, MAX_CHARACTERS)

/** Measures `repeat` times; results that differ make the attempt inconclusive. */
async function measureRepeatedly(
  item: ChecklistItem,
  probe: Probe,
  { context, terms }: { readonly context: ProbeContext; readonly terms: ProbeRecordTerms },
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

type Outcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }
async function attempt<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    // The end of the run is not a result of the probe.
    if (error instanceof FfError && ENDINGS.has(error.code)) throw error
    return { ok: false, error }
  }
}
const ENDINGS: ReadonlySet<string> = new Set(['interrupted', 'terminated', 'timeout'])

/** `inconclusive` where the probe could not measure, `error` where it threw an unexpected error. */
function toFailedAttempt(error: unknown): Attempt {
  const text = error instanceof Error ? error.message : String(error)
  const code = findReason(error)
  const more = error instanceof FfError ? [...error.details.slice(0, 3), error.hint] : []
  return {
    result: code === null ? 'error' : 'inconclusive',
    codes: [code ?? 'probe_broke'],
    detail: [text, ...more].join(' '),
    found: NOTHING,
  }
}

/** The code of an expected failure, `system_refused` for a system call; null for a bug. */
function findReason(error: unknown): string | null {
  if (error instanceof FfError) return error.code === 'internal' ? null : error.code
  return error instanceof Error && 'syscall' in error ? 'system_refused' : null
}

/**
 * Finds the place of a measurement. A probe of effect `observe` may run anywhere. One that writes or disrupts never runs
 * on a server of production, and not on a database that cannot be identified.
 *
 * @throws FfError `production_refused`, `target_missing`, or the error of identifying the database
 */
async function findPlace(
  item: ChecklistItem,
  { site }: Probe,
  context: ProbeContext,
): Promise<Place> {
  const changes = item.effect !== 'observe'
  const spec = toSpec(site, context)
  const needsIdentity = site !== 'scratch' || (spec?.kind === 'postgres' && changes)
  const database = needsIdentity && spec !== null ? await identifyTarget(spec, context) : null
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
  { plan }: ProbeContext,
): Where {
  if (site === 'scratch') return 'scratch'
  if (site === 'declared') return item.where
  if (database === plan?.database) return 'target'
  return spec !== null && isLoopback(spec) ? 'scratch' : 'staging'
}

const isDeclaredLive = (
  { where }: ChecklistItem,
  site: Probe['site'],
  { plan }: ProbeContext,
): boolean => site === 'declared' && where === 'target' && plan?.environment === 'production'

interface Control {
  /** Null where the control could not run. */
  readonly outcome: ControlOutcome | null
  readonly code: 'control_not_run' | 'control_not_detected'
  readonly detail: string
  readonly found: Measurement
}

/** A result counts only where the same probe detects the planted fault. */
async function addControl(
  item: ChecklistItem,
  probe: Probe,
  { context, first }: { readonly context: ProbeContext; readonly first: Attempt },
): Promise<Attempt & { readonly control: ControlOutcome | null }> {
  const isMeasured = first.result === 'pass' || first.result === 'fail'
  if (item.control.run !== 'with_probe' || !isMeasured) return { ...first, control: null }
  const { outcome, code, detail } = await tryControl(item, probe, context)
  if (outcome?.outcome === 'detected') return { ...first, control: outcome }
  return { ...first, result: 'inconclusive', codes: [code], detail, control: outcome }
}

async function tryControl(
  item: ChecklistItem,
  probe: Probe,
  context: ProbeContext,
): Promise<Control> {
  const { name } = item.control
  const measurement = await attempt(() => probe.control(context))
  const at = toInstant(context)
  if (!measurement.ok) {
    const { detail } = toFailedAttempt(measurement.error)
    return {
      outcome: null,
      code: 'control_not_run',
      detail: `the control ${name} did not run: ${detail}`,
      found: NOTHING,
    }
  }
  const { result, detail } = judgeMeasurement(item, measurement.value)
  const outcome = result === 'fail' ? 'detected' : 'not_detected'
  return {
    outcome: { name, outcome, at },
    code: 'control_not_detected',
    detail: result === 'fail' ? detail : `the control ${name} came out as ${result}`,
    found: measurement.value,
  }
}
