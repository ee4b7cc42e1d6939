import { isArray, isObject, type JsonNode, readJson } from '../json/read.ts'
import { canonicalText, shapeNode } from './read-document.ts'
import { refuse, type Step } from './refusals.ts'
import type { Envelope, SignoffTools } from './types.ts'

/** An envelope as a file holds it: RFC 8785 form and a line feed, so that no byte of it is idle. */
export const writeEnvelope = (envelope: Envelope): string => `${canonicalText(envelope)}\n`

/** Reads an envelope: its form alone, nothing of what it carries. */
export function readEnvelope(text: string, { shape }: SignoffTools): Step<Envelope> {
  const read = readJson(text)
  if (!read.ok) return refuse('envelope_malformed', `${read.code} at line ${read.line}`)
  if (hasUnprotectedHeader(read.node))
    return refuse('unprotected_header', 'a signature has a member "header"')
  const shaped = shapeNode('signoff_envelope', read.node, shape)
  if (!shaped.ok) return refuse('envelope_malformed', shaped.detail)
  return text === writeEnvelope(shaped.value)
    ? shaped
    : refuse('envelope_not_canonical', 'the file is not as ff signoff wrote it')
}

/** RFC 7515, 7.2.1: what stands in `header` is signed by nobody. */
function hasUnprotectedHeader(node: JsonNode): boolean {
  if (node === null || typeof node !== 'object' || !isObject(node)) return false
  return node.members.some(([name, value]) => {
    if (name === 'header') return true
    if (name !== 'signatures' || value === null || typeof value !== 'object') return false
    return isArray(value) && value.some(hasUnprotectedHeader)
  })
}
