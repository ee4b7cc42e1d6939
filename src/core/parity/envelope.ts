import type { BackingKind } from '../evaluate/types.ts'
import type { VectorQuestion } from './vector.ts'
import { isJsonObject, type JsonNode, parseLosslessJson } from '../json/read.ts'

/**
 * The backing that a service's answer names in `meta.backing_state`.
 *
 * @returns null where the text is not JSON, is not about this flag key and request id, or names neither `file` nor `db`
 */
export function readBacking(
  text: string,
  { flag_key, request_id }: Pick<VectorQuestion, 'flag_key' | 'request_id'>,
): BackingKind | null {
  const read = parseLosslessJson(text)
  const envelope = read.ok ? read.node : null
  const meta = findMember(envelope, 'meta')
  const backing = findMember(meta, 'backing_state')
  // A cache on the way could return another request's answer, to both sides alike.
  const about =
    findMember(envelope, 'flag_key') === flag_key && findMember(meta, 'request_id') === request_id
  return about && (backing === 'file' || backing === 'db') ? backing : null
}

/** Whether a service's answer says that its store was away and last known rows decided: `meta.stale` is there. */
export function isStale(text: string): boolean {
  // Almost no answer names it, so almost none is parsed.
  if (!text.includes('"stale"')) return false
  const read = parseLosslessJson(text)
  return read.ok && findMember(findMember(read.node, 'meta'), 'stale') !== undefined
}

const findMember = (node: JsonNode | undefined, name: string): JsonNode | undefined =>
  node != null && typeof node === 'object' && isJsonObject(node)
    ? node.members.find(([held]) => held === name)?.[1]
    : undefined
