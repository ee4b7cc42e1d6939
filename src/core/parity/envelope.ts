import type { BackingState } from '../evaluate/types.ts'
import type { VectorRequest } from './vector.ts'
import { isObject, type JsonNode, readJson } from '../json/read.ts'

/**
 * What the answer of a service names as its backing.
 *
 * @returns null where the text is no decision on this very request, whatever else it is
 */
export function envelopeAbout(
  text: string,
  { flag_key, request_id }: Pick<VectorRequest, 'flag_key' | 'request_id'>,
): BackingState | null {
  const read = readJson(text)
  const envelope = read.ok ? read.node : null
  const meta = member(envelope, 'meta')
  const backing = member(meta, 'backing_state')
  // A cache on the way would answer for somebody else, on both sides alike.
  const about =
    member(envelope, 'flag_key') === flag_key && member(meta, 'request_id') === request_id
  return about && (backing === 'file' || backing === 'db') ? backing : null
}

const member = (node: JsonNode | undefined, name: string): JsonNode | undefined =>
  node != null && typeof node === 'object' && isObject(node)
    ? node.members.find(([held]) => held === name)?.[1]
    : undefined
