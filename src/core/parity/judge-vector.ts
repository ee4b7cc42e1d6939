import type { BackingKind } from '../evaluate/types.ts'
import type { JsonObject } from '../json/read.ts'
import { findFieldRule } from './field-rules.ts'
import {
  type SideAnswer,
  answerToNode,
  type ChainSplit,
  type ComparisonRules,
  type Divergence,
  type ComparisonResult,
  compareParties,
  type ComparedParty,
  type ComparedPair,
} from './judge.ts'

/** Both sides' answers to one question; `again` is each side's second answer, the A/A control. */
export interface VectorAnswers {
  readonly baseline: SideAnswers
  readonly candidate: SideAnswers
}
export interface SideAnswers {
  readonly kind: BackingKind
  readonly answer: SideAnswer
  readonly again: SideAnswer
}

export interface VectorVerdict {
  readonly status: 'pass' | 'fail' | 'unanswered'
  /** Differences that break a rule. */
  readonly divergences: readonly Divergence[]
  readonly chains: readonly (ChainSplit & { readonly sides: ComparedPair })[]
  readonly unanswered: readonly { readonly side: 'baseline' | 'candidate'; readonly code: string }[]
  /** Differences between two answers of one side: the noise of the harness. */
  readonly noise: readonly {
    readonly side: 'baseline' | 'candidate'
    readonly divergence: Divergence
  }[]
  /** The pointer of the rule behind each difference that is expected or allowed, once for each difference. */
  readonly exempted: readonly string[]
  readonly fields: {
    readonly compared: number
    readonly differing: number
    readonly expected: number
    readonly allowed: number
  }
}

/**
 * Judges one vector: both sides must equal each other field by field, and each must equal the expectation. `fail` means
 * that a difference breaks a rule; only such differences are listed. A missing first or second answer of one side makes
 * it `unanswered`, with no field counted, whatever the other side answered. Noise is reported and does not change the
 * status.
 *
 * @param expected the envelope without `meta.backing_state`, which depends on each side's kind; null where no
 *   expectation is known, so that only the sides are compared with each other
 */
export function judgeVector(
  expected: JsonObject | null,
  answers: VectorAnswers,
  comparing: ComparisonRules,
): VectorVerdict {
  const unanswered = findUnanswered(answers)
  if (unanswered.length > 0) {
    return {
      status: 'unanswered',
      divergences: [],
      chains: [],
      unanswered,
      noise: [],
      exempted: [],
      fields: NO_FIELDS,
    }
  }
  const [b, c] = [toParty(answers.baseline), toParty(answers.candidate)]
  const between = (
    sides: Exclude<ComparedPair, 'control'>,
    left: ComparedParty,
    right: ComparedParty,
  ) => ({
    sides,
    ...compareParties(left, right, { ...comparing, sides }),
  })
  const owed = ({ kind }: ComparedParty, whole: JsonObject): ComparedParty => ({
    node: withBackingKind(whole, kind),
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
    ...computeNoise('baseline', answers.baseline, comparing),
    ...computeNoise('candidate', answers.candidate, comparing),
  ]
  const divergences = compared.flatMap((one) => one.divergences.filter(isBlocker))
  const chains = compared.flatMap(({ sides, chain }) =>
    chain === null ? [] : [{ sides, ...chain }],
  )
  const status = divergences.length > 0 ? 'fail' : 'pass'
  const exempted = compared.flatMap((one) =>
    one.divergences
      .filter((divergence) => !isBlocker(divergence))
      .flatMap(({ pointer }) => {
        const ruling = findFieldRule(comparing.rules, pointer)
        return comparing.rules.filter((rule) => rule === ruling).map((rule) => rule.pointer)
      }),
  )
  const fields = countFields(compared)
  return { status, divergences, chains, unanswered, noise, exempted, fields }
}

const NO_FIELDS = { compared: 0, differing: 0, expected: 0, allowed: 0 }
const isBlocker = (divergence: Divergence): boolean => divergence.class === 'blocker'

function countFields(judgements: readonly ComparisonResult[]): VectorVerdict['fields'] {
  const all = judgements.flatMap(({ divergences }) => divergences)
  const of = (name: Divergence['class']): number => all.filter((one) => one.class === name).length
  const compared = judgements.reduce((sum, { fields }) => sum + fields, 0)
  return { compared, differing: of('blocker'), expected: of('expected'), allowed: of('allowed') }
}

function findUnanswered(answers: VectorAnswers): VectorVerdict['unanswered'] {
  return (['baseline', 'candidate'] as const).flatMap((side) => {
    const { answer, again } = answers[side]
    const quiet = [answer, again].find((one) => one.status === 'unanswered')
    return quiet?.status === 'unanswered' ? [{ side, code: quiet.code }] : []
  })
}

/** Compares the two answers of one side. Both exist here: `silent` returned before otherwise. */
function computeNoise(
  side: 'baseline' | 'candidate',
  answers: SideAnswers,
  comparing: ComparisonRules,
): VectorVerdict['noise'] {
  const { kind, answer, again } = answers
  // Identical texts need no parsing.
  if (answer.status === 'decided' && again.status === 'decided' && answer.text === again.text)
    return []
  const control = compareParties(toParty(answers), toParty({ kind, answer: again }), {
    ...comparing,
    sides: 'control',
  })
  return control.divergences.filter(isBlocker).map((divergence) => ({ side, divergence }))
}

const toParty = ({ kind, answer }: Pick<SideAnswers, 'kind' | 'answer'>): ComparedParty => ({
  node: answerToNode(answer as Exclude<SideAnswer, { status: 'unanswered' }>),
  kind,
})

/** The expectation of one side: the vector's envelope with `backing_state` of the side's kind at the end of `meta`. */
export function withBackingKind(expected: JsonObject, kind: BackingKind): JsonObject {
  return {
    members: expected.members.map(([name, value]) =>
      name === 'meta'
        ? [name, { members: [...(value as JsonObject).members, ['backing_state', kind]] }]
        : [name, value],
    ),
  }
}
