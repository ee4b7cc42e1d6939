import type { BackingState } from '../evaluate/types.ts'
import { isObject, type JsonNode, readJson } from '../json/read.ts'

/**
 * What the answer of a service names as its backing.
 *
 * @returns null where the text is no decision about this flag, whatever else it is
 */
export function envelopeAbout(text: string, flag_key: string): BackingState | null {
  const read = readJson(text)
  const envelope = read.ok ? read.node : null
  const backing = member(member(envelope, 'meta'), 'backing_state')
  const about = member(envelope, 'flag_key') === flag_key
  return about && (backing === 'file' || backing === 'db') ? backing : null
}

const member = (node: JsonNode | undefined, name: string): JsonNode | undefined =>
  node != null && typeof node === 'object' && isObject(node)
    ? node.members.find(([held]) => held === name)?.[1]
    : undefined
