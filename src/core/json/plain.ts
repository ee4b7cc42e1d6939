import { isJsonArray, isJsonNumber, type JsonNode } from './read.ts'

/** A node as JavaScript values. Only for nodes that `strictProblems` has passed: then nothing is lost but the order of members. */
export function nodeToValue(node: JsonNode): unknown {
  if (typeof node !== 'object' || node === null) return node
  if (isJsonNumber(node)) return Number(node.lexeme)
  if (isJsonArray(node)) return node.map(nodeToValue)
  const plain: Record<string, unknown> = {}
  for (const [name, held] of node.members) {
    const value = nodeToValue(held)
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

/** JavaScript values as a node: the way back from `toPlain`, for values that lost nothing on the way there. */
export function valueToNode(value: unknown): JsonNode {
  if (typeof value === 'number') return { lexeme: String(value) }
  if (typeof value !== 'object' || value === null) return value as null | boolean | string
  if (Array.isArray(value)) return value.map(valueToNode)
  return { members: Object.entries(value).map(([name, held]) => [name, valueToNode(held)]) }
}

/**
 * The RFC 8785 form of plain values of this program's own: members sorted by the UTF-16 code units of their names,
 * numbers and strings as ECMAScript writes them, members that are undefined left out. What comes from outside is
 * canonicalised as a node instead, by which nothing is lost.
 */
export function canonicalizeValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalizeValue).join(',')}]`
  const members = Object.entries(value)
    .filter(([, held]) => held !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, held]) => `${JSON.stringify(name)}:${canonicalizeValue(held)}`).join(',')}}`
}
