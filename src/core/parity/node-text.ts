import { isJsonArray, isJsonNumber, type JsonNode } from '../json/read.ts'

/** A node as JSON text for display: every lexeme and repeated member as read. */
export function serializeNode(node: JsonNode): string {
  if (typeof node !== 'object' || node === null) return JSON.stringify(node)
  if (isJsonNumber(node)) return node.lexeme
  if (isJsonArray(node)) return `[${node.map(serializeNode).join(',')}]`
  return `{${node.members.map(([name, value]) => `${JSON.stringify(name)}:${serializeNode(value)}`).join(',')}}`
}
