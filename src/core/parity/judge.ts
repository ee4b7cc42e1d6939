import { isJsonObject, type JsonNode, type JsonObject, parseLosslessJson } from '../json/read.ts'
import type { BackingKind } from '../evaluate/types.ts'
import type { AuthRefusalCode } from '../auth/types.ts'
import { parsePointer } from '../json/pointer.ts'
import { type JsonComparer, compareJson } from './compare.ts'
import { type FieldRule, type ParityRule, findRule } from './field-rules.ts'
import { serializeNode } from './node-text.ts'

/** The answer of one side to one question. */
export type SideAnswer =
  | { readonly status: 'decided'; readonly text: string }
  | { readonly status: 'refused'; readonly code: AuthRefusalCode; readonly http: number }
  /** The side was unreachable or answered too late: neither a match nor a mismatch. */
  | { readonly status: 'unanswered'; readonly code: string }

export type ComparedPair =
  | 'baseline-candidate'
  | 'baseline-expected'
  | 'candidate-expected'
  | 'control'
export type DivergenceClass = 'blocker' | 'expected' | 'allowed'
/** One difference between two sides with its class by the parity matrix. */
export interface Divergence {
  readonly sides: ComparedPair
  readonly pointer: string
  readonly class: DivergenceClass
  readonly rule: ParityRule
  /** JSON text; null where that side has no value. */
  readonly left: string | null
  readonly right: string | null
}
/** The first differing entry of the reason chains; null where the chains agree. */
export interface ChainSplit {
  readonly step: number
  readonly left: string | null
  readonly right: string | null
}
export interface ComparisonResult {
  readonly divergences: readonly Divergence[]
  readonly fields: number
  readonly chain: ChainSplit | null
}

/** The answer of one side of a comparison, and the side's backing kind. */
export interface ComparedParty {
  readonly node: JsonNode
  readonly kind: BackingKind
}
/** The rules of every comparison of a run. */
export interface ComparisonRules {
  readonly rules: readonly FieldRule[]
  /** Default: `compareJson`. */
  readonly compare?: JsonComparer
}
/** The rules and the pair of one comparison. */
export interface ComparisonTerms extends ComparisonRules {
  readonly sides: ComparedPair
}

/**
 * Compares two answers by the parity matrix. Returns every difference with its class, the number of places compared,
 * and the first split of the reason chains, null where they agree. A MUST_DIFFER field that is equal, or missing, on
 * both sides of different kinds is a blocker too, except where both answers are refusals.
 */
export function compareParties(
  left: ComparedParty,
  right: ComparedParty,
  terms: ComparisonTerms,
): ComparisonResult {
  const { rules, sides, compare = compareJson } = terms
  const { differences, fields } = compare(left.node, right.node)
  const alike = left.kind === right.kind
  const classed = differences.map((difference): Divergence => {
    const rule = findRule(rules, difference.pointer)
    const { pointer } = difference
    return {
      sides,
      pointer,
      rule,
      class: classify(rule, { alike, sides }),
      left: toText(difference.left),
      right: toText(difference.right),
    }
  })
  // Two refusals have no envelope, so no field must differ.
  const exempt = alike || (isRefusal(left.node) && isRefusal(right.node))
  const missed = exempt ? [] : findUnchanged(left, right, terms)
  const chain = differences.length === 0 ? null : findChainSplit(left.node, right.node)
  return { divergences: [...classed, ...missed], fields, chain }
}

/**
 * Converts an answer to JSON: a decision to its parsed text, a refusal to an object of `refused` and `http`, which no
 * decision equals. A text that is not JSON becomes a JSON string.
 */
export function answerToNode(answer: Exclude<SideAnswer, { status: 'unanswered' }>): JsonNode {
  if (answer.status === 'refused') {
    return {
      members: [
        ['refused', answer.code],
        ['http', { lexeme: String(answer.http) }],
      ],
    }
  }
  const read = parseLosslessJson(answer.text)
  // A side's text is untrusted: a text that is not JSON is compared as a string, and equals no decision.
  return read.ok ? read.node : answer.text
}

/**
 * MUST_DIFFER applies between sides of different kinds; between equal kinds the field must match. MAY_DIFFER applies
 * between two answers, and never excuses a side from the expectation.
 */
function classify(
  rule: ParityRule,
  { alike, sides }: { readonly alike: boolean; readonly sides: ComparedPair },
): DivergenceClass {
  if (rule === 'MAY_DIFFER') return EXPECTATIONS.has(sides) ? 'blocker' : 'allowed'
  return rule === 'MUST_DIFFER' && !alike ? 'expected' : 'blocker'
}

const EXPECTATIONS: ReadonlySet<ComparedPair> = new Set(['baseline-expected', 'candidate-expected'])

/** The MUST_DIFFER fields that are equal on sides of different kinds. */
function findUnchanged(
  left: ComparedParty,
  right: ComparedParty,
  { rules, sides }: ComparisonTerms,
): readonly Divergence[] {
  return rules
    .filter(({ rule }) => rule === 'MUST_DIFFER')
    .map(({ pointer, rule }) => ({
      pointer,
      rule,
      left: findText(left.node, pointer),
      right: findText(right.node, pointer),
    }))
    .filter((field) => field.left === field.right)
    .map((field) => ({ sides, class: 'blocker', ...field }))
}

function findChainSplit(left: JsonNode, right: JsonNode): ChainSplit | null {
  const [ours, theirs] = [getChain(left), getChain(right)]
  for (let step = 0; step < Math.max(ours.length, theirs.length); step += 1) {
    const [a, b] = [ours[step], theirs[step]]
    if (a === undefined || b === undefined || compareJson(a, b).differences.length > 0) {
      return { step, left: toText(a), right: toText(b) }
    }
  }
  return null
}

function getChain(node: JsonNode): readonly JsonNode[] {
  const chain = findNode(node, '/reason_chain')
  return Array.isArray(chain) ? chain : []
}

const isRefusal = (node: JsonNode): boolean => findNode(node, '/refused') !== undefined

/** The node at a pointer that passes only through objects. */
function findNode(node: JsonNode, pointer: string): JsonNode | undefined {
  let here: JsonNode | undefined = node
  for (const token of parsePointer(pointer)) {
    const tree: JsonNode | undefined = here
    here = isTree(tree) ? tree.members.find(([name]) => name === token)?.[1] : undefined
  }
  return here
}
const isTree = (node: JsonNode | undefined): node is JsonObject =>
  node !== undefined && node !== null && isJsonObject(node)

const findText = (node: JsonNode, pointer: string): string | null => toText(findNode(node, pointer))
const toText = (node: JsonNode | undefined): string | null =>
  node === undefined ? null : serializeNode(node)
