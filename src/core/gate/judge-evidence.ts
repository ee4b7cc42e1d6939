import type { Instant } from '../rows/instant.ts'
import { parseDurationMs, findEarliest, addMs } from './duration.ts'
import { judgeLimits } from './limits.ts'
import type {
  ChecklistItem,
  EvidenceEntry,
  GateItemState,
  CutoverIdentity,
  ItemResult,
  RunnerKey,
} from './types.ts'

/** The inputs of the judgement of evidence besides the item. */
export interface EvidenceContext {
  readonly entries: readonly EvidenceEntry[]
  /** The identity of the planned cutover; a null member was not stated, and matches nothing. */
  readonly expected: CutoverIdentity
  /** Runner keys that the trust file names. */
  readonly runners: readonly RunnerKey[]
  /** Probes that cannot run yet: the missing prerequisite by probe name. */
  readonly unmeasurable: Readonly<Record<string, string>>
  /** The end of the plan's window; null without a plan. */
  readonly plan_until: Instant | null
  readonly now: Instant
}

type Finding = readonly [state: GateItemState, code: string, detail: string]

/**
 * Judges the records of one item, before waivers and attestations: the last measurement in the chain counts, and the
 * first check that fails gives the state. Codes and detail are those of all failed checks with that state. Without a
 * measurement the item is `pending`, or `inconclusive` where its probe cannot run yet. `valid_until` is null unless
 * the item passes or fails.
 */
export function judgeEvidence(item: ChecklistItem, context: EvidenceContext): ItemResult {
  const own = context.entries.filter(({ record }) => record.item === item.id)
  // The last measurement in the chain counts, whatever its time stamp.
  const entry = own.findLast(({ record }) => record.kind === 'measurement')
  if (entry === undefined)
    return buildItemResult(item, null, findMissingRecord(item, context.unmeasurable))
  const controls = own.filter(({ record }) => record.control !== null).slice(-1)
  const found = CHECKS.flatMap((check) => check({ item, entry, controls, context }))
  const [first] = found
  const same = found.filter(([state]) => state === first?.[0])
  return {
    ...buildItemResult(item, entry, same),
    valid_until:
      first === undefined || first[0] === 'fail' ? findExpiry(item, entry, controls) : null,
  }
}

function buildItemResult(
  { id, group, limits }: ChecklistItem,
  entry: EvidenceEntry | null,
  found: readonly Finding[],
): ItemResult {
  const detail = found.map(([, , text]) => text).filter((text) => text !== '')
  return {
    id,
    group,
    state: found[0]?.[0] ?? 'pass',
    codes: [...new Set(found.map(([, code]) => code))],
    detail: [...new Set(detail)].join('; '),
    measured: judgeLimits(limits, entry?.record.measured ?? {}),
    valid_until: null,
    evidence:
      entry === null
        ? null
        : { seq: entry.record.seq, hash: entry.hash, ended_at: entry.record.ended_at },
    waiver: null,
  }
}

/** Without a record: pending, or inconclusive where the probe cannot run yet. */
function findMissingRecord(
  { probe }: ChecklistItem,
  unmeasurable: EvidenceContext['unmeasurable'],
): readonly Finding[] {
  const needs = Object.hasOwn(unmeasurable, probe.name) ? unmeasurable[probe.name] : undefined
  return needs === undefined
    ? [['pending', 'no_record', '']]
    : [['inconclusive', 'not_measured_yet', `needs ${needs}`]]
}

interface EvidenceUnderReview {
  readonly item: ChecklistItem
  readonly entry: EvidenceEntry
  /** The newest record with a control's outcome; empty where there is none. */
  readonly controls: readonly EvidenceEntry[]
  readonly context: EvidenceContext
}
type Check = (review: EvidenceUnderReview) => readonly Finding[]

function checkRunner({
  entry: { runner, record },
  context,
}: EvidenceUnderReview): readonly Finding[] {
  const named = context.runners.some(
    ({ kid, from, until }) => kid === runner && from <= record.ended_at && record.ended_at < until,
  )
  return named ? [] : [['inconclusive', 'runner_not_named', `signed by ${runner}`]]
}

const checkWhere: Check = ({ item, entry: { record } }) =>
  record.where === item.where
    ? []
    : [
        [
          'inconclusive',
          'measured_elsewhere',
          `measured on ${record.where}, required on ${item.where}`,
        ],
      ]

/** With a record in the future the clock cannot be trusted, so no age is known. */
const checkClock: Check = ({ context: { entries, now } }) =>
  entries.some(({ record }) => record.ended_at > now)
    ? [['inconclusive', 'clock_set_back', 'the log holds a record from the future']]
    : []

function checkIdentity({
  item,
  entry: { record },
  context,
}: EvidenceUnderReview): readonly Finding[] {
  const differing = item.identity.filter(
    (field) =>
      context.expected[field] === null || record.identity[field] !== context.expected[field],
  )
  const { probe } = record
  return [
    ...differing.map((field): Finding => [
      'stale',
      context.expected[field] === null ? 'identity_not_said' : 'identity_changed',
      field,
    ]),
    ...(probe.name === item.probe.name && probe.version === item.probe.version
      ? []
      : [['stale', 'probe_changed', `${probe.name} ${probe.version}`] as const]),
  ]
}

const checkAge: Check = ({ item, entry: { record }, context: { now } }) =>
  now < addMs(record.ended_at, parseDurationMs(item.max_age))
    ? []
    : [['stale', 'evidence_old', `measured at ${record.ended_at}`]]

const PLAN = 'plan'
/** Evidence for a plan is stale once the plan's window is over, however young it is. */
const checkPlan: Check = ({ item, context: { plan_until, now } }) =>
  item.probe.name !== PLAN || (plan_until !== null && now < plan_until)
    ? []
    : [['stale', 'plan_over', plan_until ?? 'there is no plan']]

/** The probe's own reasons for not having measured. */
function checkAnswer({ entry: { record } }: EvidenceUnderReview): readonly Finding[] {
  const { result } = record
  if (result !== 'inconclusive' && result !== 'error') return []
  const codes = record.codes.length === 0 ? ['no_reason_given'] : record.codes
  return codes.map((code) => [result, code, record.example ?? ''])
}

function checkControl(review: EvidenceUnderReview): readonly Finding[] {
  const {
    item,
    entry: { record },
    controls: [control],
    context,
  } = review
  const inconclusive = (code: string): readonly Finding[] => [
    ['inconclusive', code, item.control.name],
  ]
  const { run, max_age } = item.control
  const within = run === 'with_probe' ? [record.control] : []
  if (control === undefined || within.includes(null)) return inconclusive('control_not_run')
  const outcomes = [control.record.control, ...within]
  if (outcomes.some((one) => one?.outcome !== 'detected'))
    return inconclusive('control_not_detected')
  if (checkRunner({ ...review, entry: control }).length > 0)
    return inconclusive('control_runner_not_named')
  const same = control.record.identity.code === context.expected.code
  const fresh = context.now < addMs(control.record.ended_at, parseDurationMs(max_age))
  return same && fresh ? [] : inconclusive('control_stale')
}

/** The checklist's limits decide on the recorded values; a probe's own `fail` stays a fail. */
function checkLimits({ item, entry: { record } }: EvidenceUnderReview): readonly Finding[] {
  const judged = judgeLimits(item.limits, record.measured)
  const broken = judged.filter(({ held, value }) => !held && value !== null)
  if (broken.length > 0) return broken.map(({ limit }) => ['fail', 'limit_broken', limit.measure])
  if (record.result === 'fail')
    return (record.codes.length === 0 ? ['probe_failed'] : record.codes).map((code) => [
      'fail',
      code,
      record.example ?? '',
    ])
  const absent = judged.filter(({ value }) => value === null)
  return [
    ...absent.map(({ limit }): Finding => ['inconclusive', 'measure_missing', limit.measure]),
    ...(record.sample_size >= item.min_sample
      ? []
      : [
          [
            'inconclusive',
            'too_few_samples',
            `${record.sample_size} of ${item.min_sample}`,
          ] as const,
        ]),
  ]
}

/** The earliest time at which the measurement or its control becomes too old. */
const findExpiry = (
  item: ChecklistItem,
  { record }: EvidenceEntry,
  controls: readonly EvidenceEntry[],
): Instant | null =>
  findEarliest([
    addMs(record.ended_at, parseDurationMs(item.max_age)),
    ...controls.map((one) => addMs(one.record.ended_at, parseDurationMs(item.control.max_age))),
  ])

/** In order of precedence: signer, place, clock, identity, age, plan, the probe's result, its control, the limits. */
const CHECKS: readonly Check[] = [
  checkRunner,
  checkWhere,
  checkClock,
  checkIdentity,
  checkAge,
  checkPlan,
  checkAnswer,
  checkControl,
  checkLimits,
]
