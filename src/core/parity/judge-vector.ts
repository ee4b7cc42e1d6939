import type { BackingState } from '../evaluate/types.ts'
import type { JsonNode, JsonObject } from '../json/read.ts'
import type { FieldRule } from './field-rules.ts'
import { type Answer, answerNode, type ChainSplit, type Divergence, type Judgement, judge, type Sides } from './judge.ts'

/** Both sides' answers to one question; each is asked twice, and the second answer is the A/A control. */
export interface Asked {
  readonly baseline: SideAnswers
  readonly candidate: SideAnswers
}
export interface SideAnswers {
  readonly kind: BackingState
  readonly answer: Answer
  readonly again: Answer
}

export interface VectorVerdict {
  readonly status: 'pass' | 'fail' | 'unanswered'
  /** Differences that break a rule, and sides that gave no answer. */
  readonly divergences: readonly Divergence[]
  readonly chains: readonly (ChainSplit & { readonly sides: Sides })[]
  readonly unanswered: readonly { readonly side: 'baseline' | 'candidate'; readonly code: string }[]
  /** Differences between a side and itself: the harness's own noise. */
  readonly noise: readonly { readonly side: 'baseline' | 'candidate'; readonly divergence: Divergence }[]
  readonly fields: { readonly compared: number; readonly differing: number; readonly expected: number; readonly allowed: number }
}

/**
 * Judges one vector: both sides must equal each other field by field, and each must equal the
 * expectation (page 1). Someone who stayed silent leaves it `unanswered`, whatever the other said.
 *
 * @param expected the whole envelope but `meta.backing_state`, which each side owes by its kind
 */
export function judgeVector(expected: JsonObject, asked: Asked, rules: readonly FieldRule[]): VectorVerdict {
  const unanswered = silent(asked)
  if (unanswered.length > 0) {
    return { status: 'unanswered', divergences: [], chains: [], unanswered, noise: [], fields: NO_FIELDS }
  }
  const { baseline, candidate } = asked
  const [b, c] = [nodeOf(baseline.answer), nodeOf(candidate.answer)]
  const judged = (left: JsonNode, right: JsonNode, sides: Sides, kinds: readonly [BackingState, BackingState]) => ({
    sides,
    ...judge(left, right, rules, { sides, left: kinds[0], right: kinds[1] }),
  })
  const compared = [
    judged(b, c, 'baseline-candidate', [baseline.kind, candidate.kind]),
    judged(b, withState(expected, baseline.kind), 'baseline-expected', [baseline.kind, baseline.kind]),
    judged(c, withState(expected, candidate.kind), 'candidate-expected', [candidate.kind, candidate.kind]),
  ]
  const noise = (['baseline', 'candidate'] as const).flatMap((side) => {
    const { kind, answer, again } = asked[side]
    const control = judged(nodeOf(answer), nodeOf(again), 'control', [kind, kind])
    return control.divergences.filter(isBlocker).map((divergence) => ({ side, divergence }))
  })
  const divergences = compared.flatMap((one) => one.divergences.filter(isBlocker))
  const chains = compared.flatMap(({ sides, chain }) => (chain === null ? [] : [{ sides, ...chain }]))
  const status = divergences.length > 0 ? 'fail' : 'pass'
  return { status, divergences, chains, unanswered, noise, fields: countFields(compared) }
}

const NO_FIELDS = { compared: 0, differing: 0, expected: 0, allowed: 0 }
const isBlocker = (divergence: Divergence): boolean => divergence.class === 'blocker'

function countFields(judgements: readonly Judgement[]): VectorVerdict['fields'] {
  const all = judgements.flatMap(({ divergences }) => divergences)
  const of = (name: Divergence['class']): number => all.filter((one) => one.class === name).length
  const compared = judgements.reduce((sum, { fields }) => sum + fields, 0)
  return { compared, differing: of('blocker'), expected: of('expected'), allowed: of('allowed') }
}

function silent(asked: Asked): VectorVerdict['unanswered'] {
  return (['baseline', 'candidate'] as const).flatMap((side) => {
    const { answer, again } = asked[side]
    const quiet = [answer, again].find((one) => one.status === 'unanswered')
    return quiet?.status === 'unanswered' ? [{ side, code: quiet.code }] : []
  })
}

/** Only called where `silent` found nobody. */
const nodeOf = (answer: Answer): JsonNode => answerNode(answer as Exclude<Answer, { status: 'unanswered' }>)

/** The expectation of one side: the vector's, with the backing state that a side of this kind must name. */
export function withState(expected: JsonObject, kind: BackingState): JsonObject {
  return {
    members: expected.members.map(([name, value]) =>
      name === 'meta' ? [name, { members: [...(value as JsonObject).members, ['backing_state', kind]] }] : [name, value],
    ),
  }
}
