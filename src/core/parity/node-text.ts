import { isArray, isNumber, type JsonNode } from '../json/read.ts'

/** A node as JSON, every lexeme and repeated member as it was read: for people who look at a divergence. */
export function nodeText(node: JsonNode): string {
  if (typeof node !== 'object' || node === null) return JSON.stringify(node)
  if (isNumber(node)) return node.lexeme
  if (isArray(node)) return `[${node.map(nodeText).join(',')}]`
  return `{${node.members.map(([name, value]) => `${JSON.stringify(name)}:${nodeText(value)}`).join(',')}}`
}
