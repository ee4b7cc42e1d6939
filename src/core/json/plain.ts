import { isJsonArray, isJsonNumber, type JsonNode } from './read.ts'

/**
 * Converts a node to JavaScript values: numbers to doubles, the last of repeated members wins, `__proto__` is a plain
 * member. Lossless, but for the order of members, only where `findJsonProblems` finds nothing.
 */
export function nodeToValue(node: JsonNode): unknown {
  if (typeof node !== 'object' || node === null) return node
  if (isJsonNumber(node)) return Number(node.lexeme)
  if (isJsonArray(node)) return node.map(nodeToValue)
  const plain: Record<string, unknown> = {}
  for (const [name, member] of node.members) {
    const value = nodeToValue(member)
    if (name !== '__proto__') plain[name] = value
    // Assigning it would set the prototype and lose the member.
    else
      Object.defineProperty(plain, name, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      })
  }
  return plain
}

/**
 * Converts JavaScript values of JSON types to a node: the inverse of `nodeToValue`. Numbers are spelled as ECMAScript
 * writes them. Does not check for values that JSON lacks, such as NaN or undefined.
 */
export function valueToNode(value: unknown): JsonNode {
  if (typeof value === 'number') return { lexeme: String(value) }
  if (typeof value !== 'object' || value === null) return value as null | boolean | string
  if (Array.isArray(value)) return value.map(valueToNode)
  return { members: Object.entries(value).map(([name, member]) => [name, valueToNode(member)]) }
}

/**
 * The RFC 8785 form of values that this program built: members sorted by the UTF-16 code units of their names,
 * numbers and strings as ECMAScript writes them, undefined members left out. Untrusted input goes through
 * `canonicalize` instead, which keeps number lexemes and repeated members.
 */
export function canonicalizeValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalizeValue).join(',')}]`
  const held = value as Readonly<Record<string, unknown>>
  const members = Object.keys(held)
    .filter((name) => held[name] !== undefined)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalizeValue(held[name])}`)
  return `{${members.join(',')}}`
}
