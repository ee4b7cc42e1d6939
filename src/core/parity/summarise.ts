import type { Control, Counts, Finding, Item, Verdict } from '../report/types.ts'
import type { VectorVerdict } from './judge-vector.ts'

/** One vector or cell, after it was asked or left out. */
export interface Judged {
  readonly id: string
  readonly item: Item
  /** Null where it was skipped or never reached. */
  readonly verdict: VectorVerdict | null
}
export interface Summary {
  readonly verdict: Exclude<Verdict, 'cancelled'>
  readonly counts: Counts
  readonly controls: readonly Control[]
  readonly findings: readonly Finding[]
}

/**
 * What all of it comes to.
 *
 * @param expected how many there must be; fewer compared is never a pass
 * @param comparerFaults what the comparer got wrong on the pairs it is judged by
 */
export function summarise(
  judged: readonly Judged[],
  expected: number,
  comparer: { readonly faults: readonly string[]; readonly pairs: number },
): Summary {
  const controls = controlsOf(judged, comparer)
  const counts = countAll(judged, expected)
  const findings = [
    ...comparer.faults.map((why): Finding => ({ ...EMPTY, code: 'comparer_fault', subject: why })),
    ...judged.flatMap(findingsOf),
  ]
  return { verdict: verdictOf(judged, counts, controls), counts, controls, findings }
}

/** A run whose own control does not hold says nothing, not even "fail": its comparisons are not to be believed. */
function verdictOf(judged: readonly Judged[], counts: Counts, controls: readonly Control[]): Summary['verdict'] {
  if (controls.some(({ held }) => !held)) return 'inconclusive'
  if (judged.some(({ verdict }) => verdict?.status === 'fail')) return 'fail'
  const whole = counts.compared > 0 && counts.compared === counts.expected && counts.fields.compared > 0
  return whole ? 'pass' : 'inconclusive'
}

function controlsOf(judged: readonly Judged[], { faults, pairs }: { faults: readonly string[]; pairs: number }): readonly Control[] {
  const answered = judged.flatMap(({ verdict }) => (verdict === null || verdict.status === 'unanswered' ? [] : [verdict]))
  const sides = (['baseline', 'candidate'] as const).map((side): Control => ({
    id: `a_a_${side}`,
    held: answered.every(({ noise }) => noise.every((one) => one.side !== side)),
    compared: answered.length,
  }))
  return [{ id: 'comparer', held: faults.length === 0 && pairs > 0, compared: pairs }, ...sides]
}

function countAll(judged: readonly Judged[], expected: number): Counts {
  const verdicts = judged.flatMap(({ verdict }) => (verdict === null ? [] : [verdict]))
  const sum = (name: keyof VectorVerdict['fields']): number => verdicts.reduce((total, { fields }) => total + fields[name], 0)
  const inState = (state: Item['state']): number => judged.filter(({ item }) => item.state === state).length
  return {
    expected,
    compared: verdicts.filter(({ status }) => status !== 'unanswered').length,
    allowed: verdicts.filter(({ fields }) => fields.allowed > 0).length,
    skipped: inState('skipped'),
    neverReached: inState('never_reached') + inState('unanswered'),
    fields: { compared: sum('compared'), differing: sum('differing'), expected: sum('expected'), allowed: sum('allowed') },
  }
}

const EMPTY = { sides: null, pointer: null, rule: null, left: null, right: null } as const

function findingsOf({ id, verdict }: Judged): readonly Finding[] {
  if (verdict === null) return []
  const silent = verdict.unanswered.map(
    ({ side, code }): Finding => ({ ...EMPTY, code: 'unanswered', subject: id, sides: side, left: code }),
  )
  const noise = verdict.noise.map(({ side, divergence }): Finding => {
    const { pointer, rule, left, right } = divergence
    return { code: 'noise', subject: id, sides: side, pointer, rule, left, right }
  })
  const diverging = verdict.divergences.map(
    ({ sides, pointer, rule, left, right }): Finding => ({ code: 'divergence', subject: id, sides, pointer, rule, left, right }),
  )
  return [...silent, ...noise, ...diverging]
}
