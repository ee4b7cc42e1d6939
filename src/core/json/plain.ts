import { isArray, isNumber, type JsonNode } from './read.ts'

/** A node as JavaScript values. Only for nodes that `strictProblems` has passed: then nothing is lost but the order of members. */
export function toPlain(node: JsonNode): unknown {
  if (typeof node !== 'object' || node === null) return node
  if (isNumber(node)) return Number(node.lexeme)
  if (isArray(node)) return node.map(toPlain)
  const plain: Record<string, unknown> = {}
  for (const [name, held] of node.members) {
    const value = toPlain(held)
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
