import type { BackingState } from '../evaluate/types.ts'
import type { JsonObject } from '../json/read.ts'
import {
  type Answer,
  answerNode,
  type ChainSplit,
  type Comparing,
  type Divergence,
  type Judgement,
  judge,
  type Party,
  type Sides,
} from './judge.ts'

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
  readonly noise: readonly {
    readonly side: 'baseline' | 'candidate'
    readonly divergence: Divergence
  }[]
  readonly fields: {
    readonly compared: number
    readonly differing: number
    readonly expected: number
    readonly allowed: number
  }
}

/**
 * Judges one vector: both sides must equal each other field by field, and each must equal the
 * expectation (page 1). Someone who stayed silent leaves it `unanswered`, whatever the other said.
 *
 * @param expected the whole envelope but `meta.backing_state`, which each side owes by its kind; null where
 *   nobody knows what must come: then the sides owe it to each other alone
 */
export function judgeVector(
  expected: JsonObject | null,
  asked: Asked,
  comparing: Comparing,
): VectorVerdict {
  const unanswered = silent(asked)
  if (unanswered.length > 0) {
    return {
      status: 'unanswered',
      divergences: [],
      chains: [],
      unanswered,
      noise: [],
      fields: NO_FIELDS,
    }
  }
  const [b, c] = [partyOf(asked.baseline), partyOf(asked.candidate)]
  const between = (sides: Exclude<Sides, 'control'>, left: Party, right: Party) => ({
    sides,
    ...judge(left, right, { ...comparing, sides }),
  })
  const owed = ({ kind }: Party, whole: JsonObject): Party => ({
    node: withState(whole, kind),
    kind,
  })
  const compared = [
    between('baseline-candidate', b, c),
    ...(expected === null
      ? []
      : [
          between('baseline-expected', b, owed(b, expected)),
          between('candidate-expected', c, owed(c, expected)),
        ]),
  ]
  const noise = [
    ...noiseOf('baseline', asked.baseline, comparing),
    ...noiseOf('candidate', asked.candidate, comparing),
  ]
  const divergences = compared.flatMap((one) => one.divergences.filter(isBlocker))
  const chains = compared.flatMap(({ sides, chain }) =>
    chain === null ? [] : [{ sides, ...chain }],
  )
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

/** A side against itself. Only called, as the next, where `silent` found nobody. */
function noiseOf(
  side: 'baseline' | 'candidate',
  answers: SideAnswers,
  comparing: Comparing,
): VectorVerdict['noise'] {
  const { kind, answer, again } = answers
  // The same characters are the same answer, without a look at what they say.
  if (answer.status === 'decided' && again.status === 'decided' && answer.text === again.text)
    return []
  const control = judge(partyOf(answers), partyOf({ kind, answer: again }), {
    ...comparing,
    sides: 'control',
  })
  return control.divergences.filter(isBlocker).map((divergence) => ({ side, divergence }))
}

const partyOf = ({ kind, answer }: Pick<SideAnswers, 'kind' | 'answer'>): Party => ({
  node: answerNode(answer as Exclude<Answer, { status: 'unanswered' }>),
  kind,
})

/** The expectation of one side: the vector's, with the backing state that a side of this kind must name. */
export function withState(expected: JsonObject, kind: BackingState): JsonObject {
  return {
    members: expected.members.map(([name, value]) =>
      name === 'meta'
        ? [name, { members: [...(value as JsonObject).members, ['backing_state', kind]] }]
        : [name, value],
    ),
  }
}
