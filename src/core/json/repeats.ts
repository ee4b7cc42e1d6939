import { isJsonArray, isJsonNumber, type JsonNode } from './read.ts'

/** Whether an object anywhere in it has two members of one name: readers do not agree on which one counts (RFC 8259, 4). */
export function hasRepeatedMember(node: JsonNode): boolean {
  if (typeof node !== 'object' || node === null || isJsonNumber(node)) return false
  if (isJsonArray(node)) return node.some(hasRepeatedMember)
  const names = new Set(node.members.map(([name]) => name))
  return (
    names.size < node.members.length || node.members.some(([, value]) => hasRepeatedMember(value))
  )
}
