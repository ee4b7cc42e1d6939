import type { LateLog } from './judge-logs.ts'
import type { ReasonArguments, ReasonItem } from './reason.ts'
import { findReason } from './reasons.ts'
import type { GateJudgement, ItemResult } from './types.ts'

/** What to do, and the command that comes next: null where a person has to act first. Both null where nothing is open. */
export interface Step {
  readonly fix: string | null
  readonly next: string | null
}
/** The arguments of a reason that are the same for every item. */
export interface StepFacts extends Pick<ReasonArguments, 'waiting' | 'signers'> {
  /** Members of the identity that are not known: no plan, or no version of the code. */
  readonly unknown: readonly string[]
}
/** An item of the checklist with its result. */
export interface JudgedItem {
  readonly item: ReasonItem
  readonly found: Pick<ItemResult, 'state' | 'codes' | 'detail'>
}
type Faults = GateJudgement['faults']

const isEarlier = ({ earlier }: ReturnType<typeof findReason>): boolean => earlier === true

/**
 * The step that leaves the state of an item: the words of all its reasons, and the first command that one of them
 * has, null where a person has to act first. Both are null for an item that passes or is waived.
 */
export function findItemStep({ item, found }: JudgedItem, facts: StepFacts): Step {
  const { state, codes, detail } = found
  if (state === 'pass' || state === 'waived') return { fix: null, next: null }
  const given = { ...facts, item, detail, unclosed: false }
  const all = codes.map(findReason)
  const reasons = [...all.filter(isEarlier), ...all.filter((one) => !isEarlier(one))]
  return {
    fix: [...new Set(reasons.map(({ fix }) => fix(given)))].join(' '),
    next: reasons.map(({ next }) => next(given)).find((command) => command !== null) ?? null,
  }
}

/**
 * The step that ends a reason of the run as a whole: its words, and the command that the fault brings, else that of
 * the reason, null where a person has to act first.
 */
export function findRunStep(
  { code, detail, next: command, unclosed }: Faults[number],
  facts: Pick<StepFacts, 'waiting' | 'signers'>,
): { readonly fix: string; readonly next: string | null } {
  const given = { ...facts, item: null, detail, unclosed: unclosed === true }
  const { fix, next } = findReason(code)
  return { fix: fix(given), next: command ?? next(given) }
}
const findFaultStep = (fault: Faults[number] | undefined, facts: StepFacts): Step | undefined =>
  fault === undefined ? undefined : findRunStep(fault, facts)

/**
 * A step in one line, for reports that have one text for both: the words, and `Then: COMMAND` where there is a
 * command.
 */
export const formatStep = ({ fix, next }: ReturnType<typeof findRunStep>): string =>
  next === null ? fix : `${fix} Then: \`${next}\``

const LATE: Readonly<Record<LateLog['code'], true>> = { log_missing: true, head_stale: true }

/**
 * The first step of a report: what no item means anything without, then an unknown identity, a failing item, what has to
 * end before measuring again helps, measuring again, the controls, any other item with a command, the logs, what waits for a
 * person, and last the signatures, which want all of these.
 */
export function findFirstStep(
  judged: readonly JudgedItem[],
  faults: Faults,
  facts: StepFacts,
): Step {
  const first = faults.find(({ code }) => findReason(code).first === true)
  const late = faults.find(({ code }) => Object.hasOwn(LATE, code))
  const steps = judged.map((one) => ({ ...one, ...findItemStep(one, facts) }))
  const own = steps.filter(({ item, found }) => !isSigning(item, found))
  return (
    findFaultStep(first, facts) ??
    findFaultStep(toUnknown(facts), facts) ??
    toNamedStep(own.find(({ found }) => found.state === 'fail')) ??
    toNamedStep(own.find(({ found }) => found.codes.map(findReason).some(isEarlier))) ??
    findRemeasureStep(judged) ??
    findSelftestStep(judged) ??
    toNamedStep(own.find(({ next }) => next !== null)) ??
    findFaultStep(late, facts) ??
    toNamedStep(own.find(({ fix }) => fix !== null)) ??
    toNamedStep(steps.find(({ fix }) => fix !== null)) ?? { fix: null, next: null }
  )
}

const toUnknown = ({ unknown }: StepFacts): Faults[number] | undefined =>
  unknown.length === 0 ? undefined : { code: 'identity_not_said', detail: unknown.join('; ') }

/** Whether only a signature leaves the state. */
const isSigning = ({ kind }: ReasonItem, { codes }: JudgedItem['found']): boolean =>
  kind === 'signature' || codes.includes('attestation_missing')

const toNamedStep = (one: (JudgedItem & Step) | undefined): Step | undefined =>
  one === undefined ? undefined : { fix: `${one.item.id}: ${one.fix}`, next: one.next }

function findRemeasureStep(judged: readonly JudgedItem[]): Step | undefined {
  const next = buildRemeasureCommand(judged)
  return next === null
    ? undefined
    : { fix: 'Measure what was never measured, or not since something changed.', next }
}

function findSelftestStep(judged: readonly JudgedItem[]): Step | undefined {
  const tries = ({ selftest }: ReturnType<typeof findReason>): boolean => selftest === true
  const ids = judged.flatMap(({ item, found: { codes } }) =>
    codes.map(findReason).some(tries) ? [item.id] : [],
  )
  return ids.length === 0
    ? undefined
    : {
        fix: 'Try the deliberate faults: without them a result proves nothing.',
        next: `ff probe selftest ${ids.join(' ')}`,
      }
}

/**
 * One `ff probe run` command with the ids of all items that were never measured, or whose evidence is old or has
 * another identity, input or probe; null where there is none.
 */
export function buildRemeasureCommand(judged: readonly JudgedItem[]): string | null {
  const ids = judged
    .filter(({ found: { codes } }) => {
      const reasons = codes.map(findReason)
      return reasons.some(({ again }) => again === true) && !reasons.some(isEarlier)
    })
    .map(({ item }) => item.id)
  return ids.length === 0 ? null : `ff probe run ${ids.join(' ')}`
}
