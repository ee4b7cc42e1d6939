import { appendPointer, parsePointer } from '../json/pointer.ts'
import { isJsonArray, isJsonNumber, isJsonObject, type JsonNode } from '../json/read.ts'
import type { Difference } from './compare.ts'
import { serializeNode } from './node-text.ts'
import { type Representation, classifyRepresentation } from './representation.ts'

/** One difference between two stored rows, with its cause. */
export interface FieldDifference {
  readonly pointer: string
  readonly representation: Representation
  readonly left: JsonNode | undefined
  readonly right: JsonNode | undefined
}

/**
 * Classifies the differences between two rows by cause, one entry for each pointer. A list below the root in another
 * order, or an object below the root of which only one side repeats a member, is reported once at its own place instead
 * of element by element.
 */
export function classifyDifferences(
  left: JsonNode,
  right: JsonNode,
  differences: readonly Difference[],
): readonly FieldDifference[] {
  const byPointer = new Map<string, FieldDifference>()
  for (const difference of differences) {
    const whole = findWhole(left, right, difference.pointer)
    const one = whole ?? { ...difference, representation: classifyRepresentation(difference) }
    byPointer.set(one.pointer, byPointer.get(one.pointer) ?? one)
  }
  return [...byPointer.values()]
}

/** The list or object around a difference, where the whole explains it. */
function findWhole(left: JsonNode, right: JsonNode, whole: string): FieldDifference | null {
  const steps = parsePointer(whole)
  for (let length = 1; length < steps.length; length += 1) {
    const [a, b] = [findNode(left, steps.slice(0, length)), findNode(right, steps.slice(0, length))]
    if (a === undefined || b === undefined) return null
    const representation = hasSameElements(a, b)
      ? 'list_order'
      : hasRepeatedName(a) !== hasRepeatedName(b)
        ? 'duplicate_member_lost'
        : null
    if (representation !== null)
      return {
        pointer: steps.slice(0, length).reduce((path, step) => appendPointer(path, step), ''),
        representation,
        left: a,
        right: b,
      }
  }
  return null
}

function findNode(node: JsonNode, path: readonly string[]): JsonNode | undefined {
  let here: JsonNode | undefined = node
  for (const step of path) {
    if (here === undefined || here === null || typeof here !== 'object' || isJsonNumber(here))
      return undefined
    here = isJsonArray(here)
      ? here[Number(step)]
      : here.members.find(([name]) => name === step)?.[1]
  }
  return here
}

const hasRepeatedName = (node: JsonNode): boolean =>
  typeof node === 'object' &&
  node !== null &&
  isJsonObject(node) &&
  new Set(node.members.map(([name]) => name)).size < node.members.length

function hasSameElements(a: JsonNode, b: JsonNode): boolean {
  if (a === null || b === null || !isList(a) || !isList(b) || a.length !== b.length) return false
  const sorted = (list: readonly JsonNode[]): string =>
    JSON.stringify(list.map(serializeNode).toSorted())
  return sorted(a) === sorted(b)
}
const isList = (node: JsonNode): node is readonly JsonNode[] => Array.isArray(node)
