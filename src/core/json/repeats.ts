import { isArray, isNumber, type JsonNode } from './read.ts'

/** Whether an object anywhere in it has two members of one name: readers do not agree on which one counts (RFC 8259, 4). */
export function repeatsMember(node: JsonNode): boolean {
  if (typeof node !== 'object' || node === null || isNumber(node)) return false
  if (isArray(node)) return node.some(repeatsMember)
  const names = new Set(node.members.map(([name]) => name))
  return names.size < node.members.length || node.members.some(([, value]) => repeatsMember(value))
}
