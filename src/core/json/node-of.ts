import type { JsonNode } from './read.ts'

/** JavaScript values as a node: the way back from `toPlain`, for values that lost nothing on the way there. */
export function valueToNode(value: unknown): JsonNode {
  if (typeof value === 'number') return { lexeme: String(value) }
  if (typeof value !== 'object' || value === null) return value as null | boolean | string
  if (Array.isArray(value)) return value.map(valueToNode)
  return { members: Object.entries(value).map(([name, held]) => [name, valueToNode(held)]) }
}
