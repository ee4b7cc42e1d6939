import { isJsonObject, type JsonNode, type JsonObject, parseLosslessJson } from '../json/read.ts'
import type { BackingKind } from '../evaluate/types.ts'
import type { AuthRefusalCode } from '../auth/types.ts'
import { parsePointer } from '../json/pointer.ts'
import { type JsonComparer, compareJson } from './compare.ts'
import { type FieldRule, type ParityRule, findRule } from './field-rules.ts'
import { serializeNode } from './node-text.ts'

/** What one side said to one question. */
export type SideAnswer =
  | { readonly status: 'decided'; readonly text: string }
  | { readonly status: 'refused'; readonly code: AuthRefusalCode; readonly http: number }
  /** Could not be asked, or gave no answer in time: never a match, never a mismatch. */
  | { readonly status: 'unanswered'; readonly code: string }

export type ComparedPair =
  'baseline-candidate' | 'baseline-expected' | 'candidate-expected' | 'control'
export type DivergenceClass = 'blocker' | 'expected' | 'allowed'
/** One difference between two sides, classed by the matrix. */
export interface Divergence {
  readonly sides: ComparedPair
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
export interface ComparisonResult {
  readonly divergences: readonly Divergence[]
  readonly fields: number
  readonly chain: ChainSplit | null
}

/** What one side of a comparison says, and of what kind that side is. */
export interface ComparedParty {
  readonly node: JsonNode
  readonly kind: BackingKind
}
/** What every comparison of a run goes by. */
export interface ComparisonRules {
  readonly rules: readonly FieldRule[]
  /** The lossless one where none is named. */
  readonly compare?: JsonComparer
}
/** How two parties are compared. */
export interface ComparisonTerms extends ComparisonRules {
  readonly sides: ComparedPair
}

/** Compares two answers by the matrix. */
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
      class: classify(rule, alike),
      left: toText(difference.left),
      right: toText(difference.right),
    }
  })
  // Two refusals have no envelope, so there is no field that would have to differ.
  const exempt = alike || (isRefusal(left.node) && isRefusal(right.node))
  const missed = exempt ? [] : unchanged(left, right, terms)
  const chain = differences.length === 0 ? null : chainSplit(left.node, right.node)
  return { divergences: [...classed, ...missed], fields, chain }
}

/** A refusal as JSON: it shares no member with an envelope, so a refused side never equals a decided one. */
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
  // What a side sends is untrusted: text that is not JSON is compared as the text it is, and equals no decision.
  return read.ok ? read.node : answer.text
}

/** MUST_DIFFER holds between sides of different kinds; between equal kinds the field must match (page 1). */
function classify(rule: ParityRule, alike: boolean): DivergenceClass {
  if (rule === 'MAY_DIFFER') return 'allowed'
  return rule === 'MUST_DIFFER' && !alike ? 'expected' : 'blocker'
}

/** The MUST_DIFFER fields that are the same on both sides, though their kinds are not. */
function unchanged(
  left: ComparedParty,
  right: ComparedParty,
  { rules, sides }: ComparisonTerms,
): readonly Divergence[] {
  return rules
    .filter(({ rule }) => rule === 'MUST_DIFFER')
    .map(({ pointer, rule }) => ({
      pointer,
      rule,
      left: textAt(left.node, pointer),
      right: textAt(right.node, pointer),
    }))
    .filter((field) => field.left === field.right)
    .map((field) => ({ sides, class: 'blocker', ...field }))
}

function chainSplit(left: JsonNode, right: JsonNode): ChainSplit | null {
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
  const chain = nodeAt(node, '/reason_chain')
  return Array.isArray(chain) ? chain : []
}

const isRefusal = (node: JsonNode): boolean => nodeAt(node, '/refused') !== undefined

/** The node behind a pointer that leads through objects only. */
function nodeAt(node: JsonNode, pointer: string): JsonNode | undefined {
  let here: JsonNode | undefined = node
  for (const token of parsePointer(pointer)) {
    const tree: JsonNode | undefined = here
    here = isTree(tree) ? tree.members.find(([name]) => name === token)?.[1] : undefined
  }
  return here
}
const isTree = (node: JsonNode | undefined): node is JsonObject =>
  node !== undefined && node !== null && isJsonObject(node)

const textAt = (node: JsonNode, pointer: string): string | null => toText(nodeAt(node, pointer))
const toText = (node: JsonNode | undefined): string | null =>
  node === undefined ? null : serializeNode(node)
