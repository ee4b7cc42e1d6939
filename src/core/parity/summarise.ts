import type {
  ReportControl,
  ReportCounts,
  Finding,
  ReportItem,
  ItemDetail,
  ItemState,
  ReportVerdict,
  TableCounts,
} from '../report/types.ts'
import type { VectorVerdict } from './judge-vector.ts'
import { type Exemption, type FieldRule, listExemptions } from './field-rules.ts'
import { type HarnessCheck, judgeParityControls, deriveParityVerdict } from './pass-rule.ts'

/** One case after it was asked or skipped. A vector is one case; a cell has one for each boundary. */
export interface JudgedCase {
  /** The name of the case in findings. */
  readonly id: string
  /** Id of the vector or cell, by which cases are counted and listed. */
  readonly group: string
  readonly title: string
  readonly state: ItemState
  readonly detail: ItemDetail | null
  /** Null where the case was skipped or never reached. */
  readonly verdict: VectorVerdict | null
}
/** The inputs of a summary besides its cases. */
export interface SummaryTerms {
  /** Number of vectors, cells or requests; comparing fewer is never a pass. */
  readonly expected: number
  /** The results of the harness on pairs with a known answer. */
  readonly checks: readonly HarnessCheck[]
  /** The rules by which the cases were judged. */
  readonly rules: readonly FieldRule[]
  /** The second table of an exhaustive run, judged and counted by itself. */
  readonly situations?: { readonly judged: readonly JudgedCase[]; readonly expected: number }
}
export interface Summary {
  readonly verdict: Exclude<ReportVerdict, 'cancelled'>
  readonly counts: ReportCounts
  readonly rules: readonly Exemption[]
  readonly controls: readonly ReportControl[]
  readonly findings: readonly Finding[]
  readonly items: readonly ReportItem[]
}

/**
 * Summarizes the judged cases of a run: the verdict of `deriveParityVerdict`, the counts, the exemptions in force with
 * their counts, the controls, and the findings. Each group becomes one item, with the worst state of its cases and the
 * detail of the first case in that state. Situations follow the cells and have to be compared in full, too.
 */
export function summarizeCases(
  first: readonly JudgedCase[],
  { expected, checks, rules, situations }: SummaryTerms,
): Summary {
  const judged = [...first, ...(situations?.judged ?? [])]
  const items = toItems(judged)
  const second = situations && countTable(toItems(situations.judged), situations.expected)
  const counts = {
    ...countTable(toItems(first), expected),
    ...countCases(first),
    fields: sumFields(judged),
    ...(second && { situations: second }),
  }
  const controls = judgeParityControls(checks, countCases(judged).cases, {
    baseline: computeNoise(judged, 'baseline'),
    candidate: computeNoise(judged, 'candidate'),
  })
  const verdict = deriveParityVerdict(controls, {
    expected: expected + (second?.expected ?? 0),
    compared: counts.compared + (second?.compared ?? 0),
    differing: judged.filter((one) => one.verdict?.status === 'fail').length,
    // A vector or cell may expect a refusal, so every comparison counts as decided.
    decided: counts.compared,
    fields: counts.fields.compared,
  })
  const findings = [...listCheckFindings(checks), ...judged.flatMap(listFindings)]
  const exempted = judged.flatMap(({ verdict: own }) => own?.exempted ?? [])
  const exemptions = listExemptions(rules, countEach(exempted))
  return { verdict, counts, rules: exemptions, controls, findings, items }
}

const computeNoise = (judged: readonly JudgedCase[], of: 'baseline' | 'candidate'): number =>
  judged.flatMap(({ verdict }) => verdict?.noise ?? []).filter(({ side }) => side === of).length

/** The state of a group is the worst state of its cases. */
const WORST_FIRST: readonly ItemState[] = ['fail', 'unanswered', 'never_reached', 'skipped', 'pass']

function toItems(judged: readonly JudgedCase[]): readonly ReportItem[] {
  const groups = new Map<string, JudgedCase[]>()
  for (const one of judged) groups.set(one.group, [...(groups.get(one.group) ?? []), one])
  return [...groups].map(([id, cases]): ReportItem => {
    const state = WORST_FIRST.find((worst) => cases.some((one) => one.state === worst)) as ItemState
    const detail = cases.find((one) => one.state === state)?.detail ?? null
    return { id, title: (cases[0] as JudgedCase).title, state, detail }
  })
}

function countTable(items: readonly ReportItem[], expected: number): TableCounts {
  const inState = (...states: readonly ItemState[]): number =>
    items.filter(({ state }) => states.includes(state)).length
  return {
    expected,
    compared: inState('pass', 'fail'),
    skipped: inState('skipped'),
    neverReached: inState('never_reached', 'unanswered'),
  }
}

const countCases = (judged: readonly JudgedCase[]): Pick<ReportCounts, 'allowed' | 'cases'> => ({
  allowed: new Set(
    judged.filter(({ verdict }) => (verdict?.fields.allowed ?? 0) > 0).map(({ group }) => group),
  ).size,
  cases: judged.filter(({ verdict }) => verdict !== null && verdict.status !== 'unanswered').length,
})

function sumFields(judged: readonly JudgedCase[]): ReportCounts['fields'] {
  const sum = (name: keyof VectorVerdict['fields']): number =>
    judged.reduce((total, { verdict }) => total + (verdict?.fields[name] ?? 0), 0)
  return {
    compared: sum('compared'),
    differing: sum('differing'),
    expected: sum('expected'),
    allowed: sum('allowed'),
  }
}

/** How often each text occurs. */
function countEach(texts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return counts
}

/**
 * The findings of the pairs that the harness judged wrongly, one for each, with the pair as subject:
 * `comparer_fault`, `field_unseen` or `fault_unseen` by the check. Empty where every check holds.
 */
export const listCheckFindings = (checks: readonly HarnessCheck[]): readonly Finding[] =>
  checks.flatMap(({ id, faults }) =>
    faults.map((subject): Finding => ({ ...EMPTY_FINDING, code: CHECK_FINDINGS[id], subject })),
  )
const CHECK_FINDINGS = {
  comparer: 'comparer_fault',
  fields: 'field_unseen',
  planted: 'fault_unseen',
} as const satisfies Record<HarnessCheck['id'], Finding['code']>

/** The members of a finding that concerns no field, all null. */
export const EMPTY_FINDING = {
  sides: null,
  pointer: null,
  rule: null,
  left: null,
  right: null,
} as const

/**
 * The findings of one case, in this order: unanswered sides, noise, divergences. Empty for a clean pass, and for a case
 * that was skipped or never reached.
 */
export function listFindings({ id, verdict }: JudgedCase): readonly Finding[] {
  if (verdict === null) return []
  const silent = verdict.unanswered.map(({ side, code }): Finding => ({
    ...EMPTY_FINDING,
    code: 'unanswered',
    subject: id,
    sides: side,
    left: code,
  }))
  const noise = verdict.noise.map(({ side, divergence }): Finding => {
    const { pointer, rule, left, right } = divergence
    return { code: 'noise', subject: id, sides: side, pointer, rule, left, right }
  })
  const diverging = verdict.divergences.map(({ sides, pointer, rule, left, right }): Finding => ({
    code: 'divergence',
    subject: id,
    sides,
    pointer,
    rule,
    left,
    right,
  }))
  return [...silent, ...noise, ...diverging]
}
