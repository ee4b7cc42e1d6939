import { canonicalizeNumber } from '../json/canonical.ts'
import { appendPointer } from '../json/pointer.ts'
import {
  isJsonArray,
  isJsonNumber,
  isJsonObject,
  type JsonNode,
  type JsonObject,
} from '../json/read.ts'
import type { MappingChange } from './types.ts'

/**
 * The differences between a flag value as written and its RFC 8785 form, at any depth: `number_respelled` and
 * `members_sorted`, with both forms as JSON. A number without such a form is no difference.
 *
 * @param at JSON pointer of the value, which each pointer starts with
 */
export function findSpellingChanges(node: JsonNode, at: string): readonly MappingChange[] {
  if (typeof node !== 'object' || node === null) return []
  if (isJsonNumber(node)) {
    const becomes = canonicalizeNumber(node.lexeme) ?? node.lexeme
    const was = node.lexeme
    return becomes === was ? [] : [{ code: 'number_respelled', pointer: at, was, becomes }]
  }
  const names = isJsonObject(node) ? node.members.map(([name]) => name) : []
  const sorted = names.toSorted()
  const moved = names.some((name, index) => name !== sorted[index])
  const order: readonly MappingChange[] = moved
    ? [
        {
          code: 'members_sorted',
          pointer: at,
          was: JSON.stringify(names),
          becomes: JSON.stringify(sorted),
        },
      ]
    : []
  return [
    ...order,
    ...listParts(node).flatMap(([name, one]) => findSpellingChanges(one, appendPointer(at, name))),
  ]
}

const listParts = (
  node: readonly JsonNode[] | JsonObject,
): readonly (readonly [string | number, JsonNode])[] =>
  isJsonArray(node) ? node.map((one, index) => [index, one] as const) : node.members
