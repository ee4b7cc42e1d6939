import type { BackingKind } from '../evaluate/types.ts'
import type { VectorQuestion } from './vector.ts'
import { isJsonObject, type JsonNode, parseLosslessJson } from '../json/read.ts'

/**
 * What the answer of a service names as its backing.
 *
 * @returns null where the text is no decision on this very request, whatever else it is
 */
export function readBacking(
  text: string,
  { flag_key, request_id }: Pick<VectorQuestion, 'flag_key' | 'request_id'>,
): BackingKind | null {
  const read = parseLosslessJson(text)
  const envelope = read.ok ? read.node : null
  const meta = member(envelope, 'meta')
  const backing = member(meta, 'backing_state')
  // A cache on the way would answer for somebody else, on both sides alike.
  const about =
    member(envelope, 'flag_key') === flag_key && member(meta, 'request_id') === request_id
  return about && (backing === 'file' || backing === 'db') ? backing : null
}

const member = (node: JsonNode | undefined, name: string): JsonNode | undefined =>
  node != null && typeof node === 'object' && isJsonObject(node)
    ? node.members.find(([held]) => held === name)?.[1]
    : undefined
