import type { Instant } from '../rows/instant.ts'
import { type ChosenControl, findControlFault } from './controls.ts'
import { parseDurationMs, addMs } from './duration.ts'
import { compareInputs, type InputTerms } from './inputs.ts'
import type { MeasurementCode } from './judge-measurement.ts'
import { judgeLimits } from './limits.ts'
import type {
  ChecklistItem,
  EvidenceEntry,
  EvidenceRecord,
  GateItemState,
  CutoverIdentity,
  RunnerKey,
  Scalar,
  WholeLog,
} from './types.ts'

/** The inputs of the judgement of evidence besides the item. */
export interface EvidenceContext {
  readonly logs: readonly WholeLog[]
  /** Whether a record or head is too far ahead of `now` for any age to be known. */
  readonly clock_behind: boolean
  /** The identity of the planned cutover; a null member was not stated, and matches nothing. */
  readonly expected: CutoverIdentity
  /** Runners that the trust file names. */
  readonly runners: readonly RunnerKey[]
  readonly inputs: InputTerms
  /** By item, as of `digestItem`: a record of another form of its item does not count. */
  readonly item_digests: Readonly<Record<string, string | undefined>>
  /** The values of J1 as of `now`; null without a plan. */
  readonly plan_now: Readonly<Record<string, Scalar>> | null
  /** The end of the plan's window; null without a plan. */
  readonly plan_until: Instant | null
  /** The database of staging by the plan; where it names none (null), no record of staging counts. */
  readonly staging_database: string | null
  readonly now: Instant
}

declare const recorded: unique symbol
/** A reason that a probe gave in its record. */
type RecordedCode = string & { readonly [recorded]: true }
/** A reason that the judgement of a record gives. */
export type EvidenceCode =
  | 'no_record'
  | 'runner_not_named'
  | 'runner_not_current'
  | 'runner_not_for_place'
  | 'measured_elsewhere'
  | 'clock_set_back'
  | 'identity_not_said'
  | 'identity_changed'
  | 'probe_changed'
  | 'item_changed'
  | 'build_differs'
  | 'attempt_ended'
  | 'input_changed'
  | 'input_missing'
  | 'evidence_old'
  | 'plan_over'
  | 'no_reason_given'
  | 'control_not_run'
  | 'control_not_detected'
  | 'control_runner_not_named'
  | 'control_stale'
  | 'probe_failed'
  | MeasurementCode
/** A state that a check gives to an item, why, and what it found. */
export type EvidenceFinding = readonly [
  state: GateItemState,
  code: EvidenceCode | RecordedCode,
  detail: string,
]

/** One record of an item, and what it is judged with. */
export interface EvidenceUnderReview {
  readonly item: ChecklistItem
  readonly entry: EvidenceEntry
  /** The newest records of the control of each limit. */
  readonly controls: readonly ChosenControl[]
  readonly context: EvidenceContext
}
type Check = (review: EvidenceUnderReview) => readonly EvidenceFinding[]
/** What a record is compared with to see whether it measured what is judged now. */
interface PresentReview extends Pick<EvidenceUnderReview, 'item' | 'entry'> {
  readonly context: Pick<
    EvidenceContext,
    'expected' | 'item_digests' | 'inputs' | 'staging_database'
  >
}

/** The signer has to be named for the time of the record, by a key that is not revoked. */
const checkSigner: Check = ({ entry, context: { runners } }) =>
  isNamed(entry, runners)
    ? []
    : [['inconclusive', findRunnerFault(entry, runners), `signed by ${entry.runner}`]]
/** A failure counts under a revoked key too: revoking a key must not hide it. */
const checkRunner: Check = (review) =>
  isRevoked(review.entry, review.context.runners) && review.entry.record.result === 'fail'
    ? []
    : checkSigner(review)
/** A runner that is named, but not for that time, or whose key is revoked, cannot be named again for it. */
const findRunnerFault = ({ runner }: EvidenceEntry, runners: readonly RunnerKey[]): EvidenceCode =>
  runners.some(({ kid }) => kid === runner) ? 'runner_not_current' : 'runner_not_named'
const isRevoked = ({ runner }: EvidenceEntry, runners: readonly RunnerKey[]): boolean =>
  runners.some(({ kid, revoked }) => kid === runner && revoked)

/** Whether the trust file names the signing runner for the time of the record. */
export const isNamed = (
  { runner, record }: EvidenceEntry,
  runners: readonly RunnerKey[],
): boolean =>
  runners.some(
    ({ kid, from, until, revoked }) =>
      kid === runner && !revoked && from <= record.ended_at && record.ended_at < until,
  )

const checkPlace: Check = ({ entry: { runner, record }, context: { runners } }) => {
  const named = runners.find(({ kid }) => kid === runner)
  return named === undefined || named.places.includes(record.where)
    ? []
    : [
        [
          'inconclusive',
          'runner_not_for_place',
          `runner ${named.name} is named for ${named.places.join(', ')}, not for ${record.where}`,
        ],
      ]
}

/**
 * Where a record was measured in place of the place of its item, in words: another place, or another database than the
 * plan names for staging. Null where it was measured in place.
 */
export function findElsewhere(
  { where }: Pick<ChecklistItem, 'where'>,
  record: Pick<EvidenceRecord, 'where' | 'identity'>,
  staging_database: string | null,
): string | null {
  if (record.where !== where) return `measured on ${record.where}, required on ${where}`
  const { database } = record.identity
  if (where !== 'staging' || (database !== null && database === staging_database)) return null
  const found = database === null ? 'a database that it does not name' : `the database ${database}`
  return `measured on ${found}, and the plan names ${staging_database ?? 'no staging_database'}`
}

function checkWhere({
  item,
  entry: { record },
  context,
}: PresentReview): readonly EvidenceFinding[] {
  const elsewhere = findElsewhere(item, record, context.staging_database)
  return elsewhere === null ? [] : [['inconclusive', 'measured_elsewhere', elsewhere]]
}

const checkClock: Check = ({ context: { clock_behind } }) =>
  clock_behind ? [['inconclusive', 'clock_set_back', 'the logs hold a time in the future']] : []

function checkIdentity({
  item,
  entry: { record },
  context,
}: PresentReview): readonly EvidenceFinding[] {
  const differing = item.identity.filter(
    (field) =>
      context.expected[field] === null || record.identity[field] !== context.expected[field],
  )
  const { probe } = record
  return [
    ...differing.map((field): EvidenceFinding => [
      'stale',
      context.expected[field] === null ? 'identity_not_said' : 'identity_changed',
      field,
    ]),
    ...(probe.name === item.probe.name && probe.version === item.probe.version
      ? []
      : [['stale', 'probe_changed', `${probe.name} ${probe.version}`] as const]),
    ...findOutdated(record, context),
  ]
}

/** Whether a record was made by this program, and as the item that is in the checklist now. */
function findOutdated(
  { item, identity: { build, item_digest } }: EvidenceEntry['record'],
  { expected, item_digests }: PresentReview['context'],
): readonly EvidenceFinding[] {
  const builds = [build ?? 'not said', expected.build].map((one) => one.slice(0, SHOWN_DIGITS))
  return [
    ...(build === expected.build
      ? []
      : [['stale', 'build_differs', `build ${builds.join(', now ')}`] as const]),
    ...(item_digest !== undefined && item_digest === item_digests[item]
      ? []
      : [['stale', 'item_changed', 'the checklist'] as const]),
  ]
}
const SHOWN_DIGITS = 16

const SCHEMA_HEAD = 'schema-head'
/** The attempt is a fact of the target: the record of its schema holds that of its phase record. */
function checkAttempt({
  item,
  entry: { record },
  context,
}: EvidenceUnderReview): readonly EvidenceFinding[] {
  const { attempt: planned } = context.expected
  const held = record.met['attempt']
  const isMeasured = record.result === 'pass' || record.result === 'fail'
  if (item.probe.name !== SCHEMA_HEAD || !isMeasured || held === planned) return []
  if (held === undefined) return [['stale', 'identity_not_said', 'attempt of the target']]
  const detail = `the target is at attempt ${held}: write "attempt": ${held} into checklists/plan.json, which says ${planned ?? 'none'}`
  return [['stale', 'attempt_ended', detail]]
}

/** A measurement counts for the files that it was made with alone. */
function checkInputs({ item, entry, context }: PresentReview): readonly EvidenceFinding[] {
  const { changed, missing } = compareInputs(item, entry.record, context.inputs)
  return [
    ...changed.map((path): EvidenceFinding => ['stale', 'input_changed', path]),
    ...missing.map((path): EvidenceFinding => ['inconclusive', 'input_missing', path]),
  ]
}

/** Whether a record measured what is judged now: the place, identity, probe, build, item and input files of today. */
export const isOfPresent = (review: PresentReview): boolean =>
  [checkWhere, checkIdentity, checkInputs].every((check) => check(review).length === 0)

const checkAge: Check = ({ item, entry: { record }, context: { now } }) =>
  now < addMs(record.ended_at, parseDurationMs(item.max_age))
    ? []
    : [['stale', 'evidence_old', `measured at ${record.ended_at}`]]

const PLAN = 'plan'
/** The detail of `plan_over` where there is no plan. */
export const NO_PLAN = 'there is no plan'
/** Evidence for a plan is stale once the plan's window is over, however young it is. */
const checkPlan: Check = ({ item, context: { plan_until, now } }) =>
  item.probe.name !== PLAN || (plan_until !== null && now < plan_until)
    ? []
    : [['stale', 'plan_over', plan_until ?? NO_PLAN]]

/** The probe's own reasons for not having measured. */
function checkAnswer({ entry: { record } }: EvidenceUnderReview): readonly EvidenceFinding[] {
  const { result } = record
  if (result !== 'inconclusive' && result !== 'error') return []
  const codes = record.codes.length === 0 ? ['no_reason_given'] : record.codes
  return codes.map((code) => [result, code as RecordedCode, record.example ?? ''])
}

/** Whether a control is by a runner that is named for scratch, where it runs, or for the place of the item. */
export const mayControl = (
  { where }: ChecklistItem,
  entry: EvidenceEntry,
  runners: readonly RunnerKey[],
): boolean =>
  isNamed(
    entry,
    runners.filter(({ places }) => places.includes('scratch') || places.includes(where)),
  )

/** The control of each limit has to have been detected, lately, by this code and a named runner. */
function checkControls({
  item,
  entry,
  controls,
  context,
}: EvidenceUnderReview): readonly EvidenceFinding[] {
  const { expected, now, runners, item_digests } = context
  // Of a revoked key only failures count, whatever its controls were.
  if (isRevoked(entry, runners)) return []
  const { code, build } = expected
  const terms = { code, build, item_digest: item_digests[item.id], now }
  return controls.flatMap((chosen): readonly EvidenceFinding[] => {
    const fault =
      findControlFault(item, chosen, terms) ??
      (chosen.entries.every((one) => mayControl(item, one, runners))
        ? null
        : 'control_runner_not_named')
    const { limit, name } = chosen.rule
    return fault === null ? [] : [['inconclusive', fault, `${limit}: ${name}`]]
  })
}

/** The checklist's limits decide on the recorded values; a probe's own `fail` stays a fail. */
function checkLimits({ item, entry: { record } }: EvidenceUnderReview): readonly EvidenceFinding[] {
  const judged = judgeLimits(item.limits, record.measured)
  const broken = judged.filter(({ held, value }) => !held && value !== null)
  if (broken.length > 0) return broken.map(({ limit }) => ['fail', 'limit_broken', limit.measure])
  if (record.result === 'fail')
    return (record.codes.length === 0 ? ['probe_failed'] : record.codes).map((code) => [
      'fail',
      code as RecordedCode,
      record.example ?? '',
    ])
  return judged
    .filter(({ value }) => value === null)
    .map(({ limit }) => ['inconclusive', 'measure_missing', limit.measure])
}

/** Too few samples are no pass. */
const checkSamples: Check = ({ item: { min_sample }, entry: { record } }) =>
  record.sample_size >= min_sample
    ? []
    : [['inconclusive', 'too_few_samples', `${record.sample_size} of ${min_sample}`]]

/** What follows from the plan alone, by the present time; null where a record is not judged by it. */
const findPlanNow = ({
  item,
  context: { plan_now },
}: Pick<EvidenceUnderReview, 'item' | 'context'>): EvidenceContext['plan_now'] =>
  item.probe.name === PLAN ? plan_now : null

/** The plan of the record is judged again by the present time; another plan, and one that is over, make it stale. */
const checkPlanNow: Check = (review) => {
  const now = findPlanNow(review)
  return now === null || checkInputs(review).length > 0 || checkPlan(review).length > 0
    ? []
    : judgeLimits(review.item.limits, now)
        .filter(({ held }) => !held)
        .map(({ limit }): EvidenceFinding => ['fail', 'limit_broken', limit.measure])
}

/** The values that a waiver of the record is judged by: those of the plan now, where they break a limit. */
export const getJudgedValues = (review: EvidenceUnderReview): Readonly<Record<string, Scalar>> =>
  checkPlanNow(review).length > 0
    ? { ...review.entry.record.measured, ...findPlanNow(review) }
    : review.entry.record.measured

/**
 * In order of precedence: the plan again, before what a waiver could cover; signer, its places, place, clock, identity,
 * attempt, inputs, age, plan, the probe's result, its controls, the limits, the samples; the signer again, a further
 * reason of a failure under a revoked key, whose values no waiver covers.
 */
export const EVIDENCE_CHECKS: readonly Check[] = [
  checkPlanNow,
  checkRunner,
  checkPlace,
  checkWhere,
  checkClock,
  checkIdentity,
  checkAttempt,
  checkInputs,
  checkAge,
  checkPlan,
  checkAnswer,
  checkControls,
  checkLimits,
  checkSamples,
  checkSigner,
]
