import { appendPointer } from '../json/pointer.ts'
import {
  isJsonArray,
  isJsonNumber,
  isJsonObject,
  type JsonMember,
  type JsonNode,
  type JsonObject,
} from '../json/read.ts'

/** One place where two JSON values differ; undefined where a value lacks the place. */
export interface Difference {
  readonly pointer: string
  readonly left: JsonNode | undefined
  readonly right: JsonNode | undefined
}
export interface Comparison {
  readonly differences: readonly Difference[]
  /** Compared leaves of either side; zero means that nothing was compared. */
  readonly fields: number
}

/** Compares two answers. The controls check a comparer before its results count. */
export type JsonComparer = (left: JsonNode, right: JsonNode) => Comparison

/**
 * Compares two values without loss: JSON type, number lexeme, code points, repeated members, array order and presence
 * count; the order of members does not. Returns each differing place and the number of places compared; values of
 * different types, or a value that one side lacks, are one place.
 */
export function compareJson(left: JsonNode, right: JsonNode): Comparison {
  const differences: Difference[] = []
  const fields = walk(left, right, { path: null, differences })
  return { differences, fields }
}

/** A place as a linked list, last token first: the pointer is built only where a difference is found. */
interface Path {
  readonly parent: Path | null
  readonly token: string | number
}
interface Place {
  readonly path: Path | null
  readonly differences: Difference[]
}
type Maybe = JsonNode | undefined

function walk(left: Maybe, right: Maybe, place: Place): number {
  if (isTree(left) && isTree(right)) {
    if (isJsonArray(left) && isJsonArray(right)) return walkArray(left, right, place)
    if (isJsonObject(left) && isJsonObject(right)) return walkObject(left, right, place)
  }
  if (!isSameLeaf(left, right))
    place.differences.push({ pointer: formatPath(place.path), left, right })
  return 1
}

const formatPath = (path: Path | null): string =>
  path === null ? '' : appendPointer(formatPath(path.parent), path.token)
const toChildPlace = ({ path, differences }: Place, token: string | number): Place => ({
  path: { parent: path, token },
  differences,
})

function walkArray(left: readonly JsonNode[], right: readonly JsonNode[], place: Place): number {
  let fields = left.length + right.length === 0 ? 1 : 0
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    fields += walk(left[index], right[index], toChildPlace(place, index))
  }
  return fields
}

function walkObject(left: JsonObject, right: JsonObject, place: Place): number {
  let fields = left.members.length + right.members.length === 0 ? 1 : 0
  for (const [name, a, b] of pairMembers(left.members, right.members))
    fields += walk(a, b, toChildPlace(place, name))
  return fields
}

type Pair = readonly [name: string, left: Maybe, right: Maybe]
/** The members of both sides paired by name; repeated members by their order. */
function pairMembers(left: readonly JsonMember[], right: readonly JsonMember[]): readonly Pair[] {
  const aligned =
    left.length === right.length && left.every(([name], at) => right[at]?.[0] === name)
  if (aligned) return left.map(([name, value], at): Pair => [name, value, right[at]?.[1]])
  const [ours, theirs] = [groupByName(left), groupByName(right)]
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((name) => {
    const [a, b] = [ours.get(name) ?? [], theirs.get(name) ?? []]
    return Array.from({ length: Math.max(a.length, b.length) }, (_, at): Pair => [
      name,
      a[at],
      b[at],
    ])
  })
}

function groupByName(members: readonly JsonMember[]): ReadonlyMap<string, readonly JsonNode[]> {
  const found = new Map<string, JsonNode[]>()
  for (const [name, value] of members) {
    const values = found.get(name)
    if (values === undefined) found.set(name, [value])
    else values.push(value)
  }
  return found
}

const isTree = (node: Maybe): node is JsonObject | readonly JsonNode[] =>
  typeof node === 'object' && node !== null && !isJsonNumber(node)

function isSameLeaf(left: Maybe, right: Maybe): boolean {
  if (isTree(left) || isTree(right)) return false
  if (typeof left === 'object' && left !== null) {
    return typeof right === 'object' && right !== null && left.lexeme === right.lexeme
  }
  return left === right
}
