import { isObject, type JsonNode, type JsonObject, readJson } from '../json/read.ts'
import type { BackingState } from '../evaluate/types.ts'
import type { RefusalCode } from '../auth/types.ts'
import { compareJson, type Difference } from './compare.ts'
import { type FieldRule, type ParityRule, ruleAt } from './field-rules.ts'
import { nodeText } from './node-text.ts'

/** What one side said to one question. */
export type Answer =
  | { readonly status: 'decided'; readonly text: string }
  | { readonly status: 'refused'; readonly code: RefusalCode; readonly http: number }
  /** Could not be asked, or gave no answer in time: never a match, never a mismatch. */
  | { readonly status: 'unanswered'; readonly code: string }

export type Sides = 'baseline-candidate' | 'baseline-expected' | 'candidate-expected' | 'control'
export type DivergenceClass = 'blocker' | 'expected' | 'allowed'
/** One difference between two sides, classed by the matrix. */
export interface Divergence {
  readonly sides: Sides
  readonly pointer: string
  readonly class: DivergenceClass
  readonly rule: ParityRule
  /** As JSON; null where that side has nothing there. */
  readonly left: string | null
  readonly right: string | null
}
/** The first entry of the reason chains that is not the same; null where the chains agree. */
export interface ChainSplit {
  readonly step: number
  readonly left: string | null
  readonly right: string | null
}
export interface Judgement {
  readonly divergences: readonly Divergence[]
  readonly fields: number
  readonly chain: ChainSplit | null
}

export interface Kinds {
  readonly sides: Sides
  readonly left: BackingState
  readonly right: BackingState
}

/** Compares two answered questions by the matrix. Only call it with answers that are not `unanswered`. */
export function judge(left: JsonNode, right: JsonNode, rules: readonly FieldRule[], kinds: Kinds): Judgement {
  const { differences, fields } = compareJson(left, right)
  const classed = differences.map((difference) => classify(difference, rules, kinds))
  const missed = kinds.left === kinds.right ? [] : unchanged(left, right, rules, kinds)
  return { divergences: [...classed, ...missed], fields, chain: chainSplit(left, right) }
}

/** A refusal is compared as one field, so a refused side and a decided side differ at once and at the root. */
export function answerNode(answer: Exclude<Answer, { status: 'unanswered' }>): JsonNode {
  if (answer.status === 'refused') {
    return { members: [['refused', answer.code], ['http', { lexeme: String(answer.http) }]] }
  }
  const read = readJson(answer.text)
  // What a side sends is untrusted: text that is not JSON is compared as the text it is, and equals no decision.
  return read.ok ? read.node : answer.text
}

function classify(difference: Difference, rules: readonly FieldRule[], kinds: Kinds): Divergence {
  const { pointer, left, right } = difference
  const rule = ruleAt(rules, pointer)
  const text = { left: textOf(left), right: textOf(right) }
  return { sides: kinds.sides, pointer, rule, class: classOf(rule, kinds), ...text }
}

function classOf(rule: ParityRule, kinds: Kinds): DivergenceClass {
  if (rule === 'MAY_DIFFER') return 'allowed'
  // MUST_DIFFER holds between sides of different kinds; between equal kinds the field must match (page 1).
  return rule === 'MUST_DIFFER' && kinds.left !== kinds.right ? 'expected' : 'blocker'
}

/** The MUST_DIFFER fields that are the same on both sides, though their kinds are not. */
function unchanged(left: JsonNode, right: JsonNode, rules: readonly FieldRule[], kinds: Kinds): readonly Divergence[] {
  return rules
    .filter(({ rule }) => rule === 'MUST_DIFFER')
    .map(({ pointer, rule }) => ({ pointer, rule, a: textAt(left, pointer), b: textAt(right, pointer) }))
    .filter(({ a, b }) => a === b)
    .map(({ pointer, rule, a, b }) => ({ sides: kinds.sides, pointer, rule, class: 'blocker', left: a, right: b }))
}

function chainSplit(left: JsonNode, right: JsonNode): ChainSplit | null {
  const [ours, theirs] = [chainOf(left), chainOf(right)]
  for (let step = 0; step < Math.max(ours.length, theirs.length); step += 1) {
    const [a, b] = [ours[step], theirs[step]]
    if (a === undefined || b === undefined || compareJson(a, b).differences.length > 0) {
      return { step, left: textOf(a), right: textOf(b) }
    }
  }
  return null
}

function chainOf(node: JsonNode): readonly JsonNode[] {
  const chain = nodeAt(node, '/reason_chain')
  return Array.isArray(chain) ? chain : []
}

/** The node behind a pointer that leads through objects only. */
function nodeAt(node: JsonNode, pointer: string): JsonNode | undefined {
  let here: JsonNode | undefined = node
  for (const token of pointer.split('/').slice(1)) {
    const tree: JsonNode | undefined = here
    here = isTree(tree) ? tree.members.find(([name]) => name === token)?.[1] : undefined
  }
  return here
}
const isTree = (node: JsonNode | undefined): node is JsonObject =>
  node !== undefined && node !== null && isObject(node)

const textAt = (node: JsonNode, pointer: string): string | null => textOf(nodeAt(node, pointer))
const textOf = (node: JsonNode | undefined): string | null => (node === undefined ? null : nodeText(node))
