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

/** What evidence is held to, beside its item. */
export interface EvidenceContext {
  readonly entries: readonly EvidenceEntry[]
  /** What is to be cut over now; null members were not said, and nothing agrees with them. */
  readonly expected: CutoverIdentity
  /** Keys that the trust file names. */
  readonly runners: readonly RunnerKey[]
  /** What a probe needs that is not there yet, by its name. */
  readonly unmeasurable: Readonly<Record<string, string>>
  /** The end of the plan's window; null where there is no plan. */
  readonly plan_until: Instant | null
  readonly now: Instant
}

type Finding = readonly [state: GateItemState, code: string, detail: string]

/** What the records of one item come to, before waivers and attestations. */
export function judgeEvidence(item: ChecklistItem, context: EvidenceContext): ItemResult {
  const own = context.entries.filter(({ record }) => record.item === item.id)
  // The newest by its place in the chain counts, whatever its time says (page 3).
  const entry = own.findLast(({ record }) => record.kind === 'measurement')
  if (entry === undefined) return verdict(item, null, unmeasured(item, context.unmeasurable))
  const controls = own.filter(({ record }) => record.control !== null).slice(-1)
  const found = CHECKS.flatMap((check) => check({ item, entry, controls, context }))
  const [first] = found
  const same = found.filter(([state]) => state === first?.[0])
  return {
    ...verdict(item, entry, same),
    valid_until: first === undefined || first[0] === 'fail' ? expiry(item, entry, controls) : null,
  }
}

function verdict(
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

/** Nothing was measured: because nobody did, or because nobody could (page 3). */
function unmeasured(
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
  /** The newest record that says whether the planted fault was seen, where there is one. */
  readonly controls: readonly EvidenceEntry[]
  readonly context: EvidenceContext
}
type Check = (weighed: EvidenceUnderReview) => readonly Finding[]

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
          `measured on ${record.where}, wanted on ${item.where}`,
        ],
      ]

/** The newest time in the log is one that has been: before it, no age is known. */
const checkClock: Check = ({ context: { entries, now } }) =>
  entries.some(({ record }) => record.ended_at > now)
    ? [['inconclusive', 'clock_set_back', 'the log holds a record from after now']]
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
/** A plan whose window is over is nobody's plan, however young the evidence is. */
const checkPlan: Check = ({ item, context: { plan_until, now } }) =>
  item.probe.name !== PLAN || (plan_until !== null && now < plan_until)
    ? []
    : [['stale', 'plan_over', plan_until ?? 'there is no plan']]

/** What a probe could not measure, it says itself. */
function checkAnswer({ entry: { record } }: EvidenceUnderReview): readonly Finding[] {
  const { result } = record
  if (result !== 'inconclusive' && result !== 'error') return []
  const codes = record.codes.length === 0 ? ['no_reason_given'] : record.codes
  return codes.map((code) => [result, code, record.example ?? ''])
}

function checkControl(weighed: EvidenceUnderReview): readonly Finding[] {
  const {
    item,
    entry: { record },
    controls: [control],
    context,
  } = weighed
  const inconclusive = (code: string): readonly Finding[] => [
    ['inconclusive', code, item.control.name],
  ]
  const { run, max_age } = item.control
  const within = run === 'with_probe' ? [record.control] : []
  if (control === undefined || within.includes(null)) return inconclusive('control_not_run')
  const outcomes = [control.record.control, ...within]
  if (outcomes.some((one) => one?.outcome !== 'detected'))
    return inconclusive('control_not_detected')
  if (checkRunner({ ...weighed, entry: control }).length > 0)
    return inconclusive('control_runner_not_named')
  const same = control.record.identity.code === context.expected.code
  const fresh = context.now < addMs(control.record.ended_at, parseDurationMs(max_age))
  return same && fresh ? [] : inconclusive('control_stale')
}

/** The limits of the checklist decide, on the values of the record; a probe that says fail is believed. */
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

/** When the first of measurement and control becomes too old. */
const expiry = (
  item: ChecklistItem,
  { record }: EvidenceEntry,
  controls: readonly EvidenceEntry[],
): Instant | null =>
  findEarliest([
    addMs(record.ended_at, parseDurationMs(item.max_age)),
    ...controls.map((one) => addMs(one.record.ended_at, parseDurationMs(item.control.max_age))),
  ])

/** In the order in which they decide: whose record, of what, how old, what it says, and whether the probe sees at all. */
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
