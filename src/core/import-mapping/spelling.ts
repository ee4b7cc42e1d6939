import { canonicalNumber } from '../json/canonical.ts'
import { pointer } from '../json/pointer.ts'
import { isNumber, isObject, type JsonNode } from '../json/read.ts'
import { childrenOf } from './entries.ts'
import type { Change } from './types.ts'

/** What of a flag value is written otherwise in its RFC 8785 form, of one that has such a form. */
export function spellingChanges(node: JsonNode, at: string): readonly Change[] {
  if (typeof node !== 'object' || node === null) return []
  if (isNumber(node)) {
    const becomes = canonicalNumber(node.lexeme) ?? node.lexeme
    const was = node.lexeme
    return becomes === was ? [] : [{ code: 'number_respelled', pointer: at, was, becomes }]
  }
  const names = isObject(node) ? node.members.map(([name]) => name) : []
  const sorted = names.toSorted()
  const moved = names.some((name, index) => name !== sorted[index])
  const order: readonly Change[] = moved
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
    ...childrenOf(node).flatMap((one) => spellingChanges(one.node, pointer(at, one.name))),
  ]
}
