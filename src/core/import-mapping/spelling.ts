import { canonicalizeNumber } from '../json/canonical.ts'
import { appendPointer } from '../json/pointer.ts'
import { isJsonNumber, isJsonObject, type JsonNode } from '../json/read.ts'
import { listChildren } from './entries.ts'
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
    ...listChildren(node).flatMap((one) =>
      findSpellingChanges(one.node, appendPointer(at, one.name)),
    ),
  ]
}
