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
