import { isJsonArray, isJsonNumber, type JsonNode } from '../json/read.ts'

/**
 * A node as JSON text without white space: every lexeme, member order and repeated member as read, which need not be
 * RFC 8785 form.
 */
export function serializeNode(node: JsonNode): string {
  if (typeof node !== 'object' || node === null) return JSON.stringify(node)
  if (isJsonNumber(node)) return node.lexeme
  if (isJsonArray(node)) return `[${node.map(serializeNode).join(',')}]`
  return `{${node.members.map(([name, value]) => `${JSON.stringify(name)}:${serializeNode(value)}`).join(',')}}`
}
