import { pointer } from '../json/pointer.ts'
import { isArray, isNumber, isObject, type JsonNode, type JsonObject } from '../json/read.ts'

/** One place where two JSON texts are not the same; undefined where one of them has nothing there. */
export interface Difference {
  readonly pointer: string
  readonly left: JsonNode | undefined
  readonly right: JsonNode | undefined
}
export interface Comparison {
  readonly differences: readonly Difference[]
  /** Leaves looked at on either side; zero means that nothing was compared. */
  readonly fields: number
}

/**
 * Compares without loss (page 4): JSON type, number lexeme, code points, members with their
 * multiplicity, array order and presence all count; the order of members does not.
 */
export function compareJson(left: JsonNode, right: JsonNode): Comparison {
  const differences: Difference[] = []
  const fields = walk(left, right, { at: '', differences })
  return { differences, fields }
}

interface Place {
  readonly at: string
  readonly differences: Difference[]
}
type Maybe = JsonNode | undefined

function walk(left: Maybe, right: Maybe, place: Place): number {
  if (isTree(left) && isTree(right)) {
    if (isArray(left) && isArray(right)) return walkArray(left, right, place)
    if (isObject(left) && isObject(right)) return walkObject(left, right, place)
  }
  if (!sameLeaf(left, right)) place.differences.push({ pointer: place.at, left, right })
  return 1
}

function walkArray(left: readonly JsonNode[], right: readonly JsonNode[], place: Place): number {
  let fields = left.length + right.length === 0 ? 1 : 0
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    fields += walk(left[index], right[index], { ...place, at: pointer(place.at, index) })
  }
  return fields
}

function walkObject(left: JsonObject, right: JsonObject, place: Place): number {
  const ours = byName(left)
  const theirs = byName(right)
  const names = new Set([...ours.keys(), ...theirs.keys()])
  let fields = names.size === 0 ? 1 : 0
  for (const name of names) {
    const [a, b] = [ours.get(name) ?? [], theirs.get(name) ?? []]
    for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
      fields += walk(a[index], b[index], { ...place, at: pointer(place.at, name) })
    }
  }
  return fields
}

function byName(node: JsonObject): ReadonlyMap<string, readonly JsonNode[]> {
  const found = new Map<string, JsonNode[]>()
  for (const [name, value] of node.members) {
    const held = found.get(name)
    if (held === undefined) found.set(name, [value])
    else held.push(value)
  }
  return found
}

const isTree = (node: Maybe): node is JsonObject | readonly JsonNode[] =>
  typeof node === 'object' && node !== null && !isNumber(node)

function sameLeaf(left: Maybe, right: Maybe): boolean {
  if (isTree(left) || isTree(right)) return false
  if (typeof left === 'object' && left !== null) {
    return typeof right === 'object' && right !== null && left.lexeme === right.lexeme
  }
  return left === right
}
