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
  const root = createPlace(left, right)
  for (const difference of differences) {
    const whole = findWhole(root, difference.pointer)
    const one = whole ?? { ...difference, representation: classifyRepresentation(difference) }
    byPointer.set(one.pointer, byPointer.get(one.pointer) ?? one)
  }
  return [...byPointer.values()]
}

/** One place of both rows, below which differences are: what was found out there is kept for the next difference. */
interface Place {
  readonly left: JsonNode | undefined
  readonly right: JsonNode | undefined
  /** Null where the whole explains nothing; undefined before it is classified. */
  representation: Representation | null | undefined
  readonly below: Map<string, Place>
  readonly members: readonly [Lookup, Lookup]
}
/** The value at a step below a place. */
type Lookup = (step: string) => JsonNode | undefined

const createPlace = (left: JsonNode | undefined, right: JsonNode | undefined): Place => ({
  left,
  right,
  representation: undefined,
  below: new Map(),
  members: [createLookup(left), createLookup(right)],
})

/** The list or object around a difference, where the whole explains it. */
function findWhole(root: Place, whole: string): FieldDifference | null {
  const steps = parsePointer(whole)
  let place = root
  for (let length = 1; length < steps.length; length += 1) {
    place = getPlaceBelow(place, steps[length - 1] as string)
    const { left, right } = place
    if (left === undefined || right === undefined) return null
    const representation: Representation | null =
      place.representation === undefined ? classifyWhole(left, right) : place.representation
    place.representation = representation
    if (representation !== null)
      return {
        pointer: steps.slice(0, length).reduce((path, step) => appendPointer(path, step), ''),
        representation,
        left,
        right,
      }
  }
  return null
}

function getPlaceBelow({ below, members: [left, right] }: Place, step: string): Place {
  const known = below.get(step)
  if (known !== undefined) return known
  const made = createPlace(left(step), right(step))
  below.set(step, made)
  return made
}

/** Finds members by name, the first of a repeated one; an object is gone through once, however many are asked for. */
function createLookup(node: JsonNode | undefined): Lookup {
  if (node === undefined || node === null || typeof node !== 'object' || isJsonNumber(node))
    return () => undefined
  if (isJsonArray(node)) return (step) => node[Number(step)]
  let byName: ReadonlyMap<string, JsonNode> | undefined
  // Of a repeated name the map keeps the last that it is given.
  return (step) => (byName ??= new Map(node.members.toReversed())).get(step)
}

const classifyWhole = (left: JsonNode, right: JsonNode): Representation | null =>
  hasSameElements(left, right)
    ? 'list_order'
    : hasRepeatedName(left) !== hasRepeatedName(right)
      ? 'duplicate_member_lost'
      : null

const hasRepeatedName = (node: JsonNode): boolean =>
  isJsonObject(node) && new Set(node.members.map(([name]) => name)).size < node.members.length

function hasSameElements(a: JsonNode, b: JsonNode): boolean {
  if (!isJsonArray(a) || !isJsonArray(b)) return false
  const sorted = (list: readonly JsonNode[]): string =>
    JSON.stringify(list.map(serializeNode).toSorted())
  return sorted(a) === sorted(b)
}
