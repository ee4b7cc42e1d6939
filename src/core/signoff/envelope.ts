import { isJsonArray, isJsonObject, type JsonNode, parseLosslessJson } from '../json/read.ts'
import { canonicalizeObject, checkNodeShape } from './read-document.ts'
import { refuseStep, type SignatureStep } from './refusals.ts'
import type { Envelope, SignoffDependencies } from './types.ts'

/**
 * The text of an envelope file: RFC 8785 form and a line feed, so that every byte is determined.
 *
 * @throws Error where it is not I-JSON, which is a bug
 */
export const formatEnvelope = (envelope: Envelope): string => `${canonicalizeObject(envelope)}\n`

/**
 * Parses an envelope; checks its form, not its payload or signatures. Refuses with `envelope_malformed`,
 * `unprotected_header` for a member `header` (RFC 7515, 7.2.1), or `envelope_not_canonical` for any other bytes than
 * `formatEnvelope` writes.
 */
export function parseEnvelope(
  text: string,
  { shape }: SignoffDependencies,
): SignatureStep<Envelope> {
  const read = parseLosslessJson(text)
  if (!read.ok) return refuseStep('envelope_malformed', `${read.code} at line ${read.line}`)
  if (hasUnprotectedHeader(read.node))
    return refuseStep('unprotected_header', 'a signature has a member "header"')
  const shaped = checkNodeShape('signoff_envelope', read.node, shape)
  if (!shaped.ok) return refuseStep('envelope_malformed', shaped.detail)
  return text === formatEnvelope(shaped.value)
    ? shaped
    : refuseStep('envelope_not_canonical', 'the file is not in the form that ff signoff writes')
}

/** No signature covers `header` (RFC 7515, 7.2.1). */
function hasUnprotectedHeader(node: JsonNode): boolean {
  if (node === null || typeof node !== 'object' || !isJsonObject(node)) return false
  return node.members.some(([name, value]) => {
    if (name === 'header') return true
    if (name !== 'signatures' || value === null || typeof value !== 'object') return false
    return isJsonArray(value) && value.some(hasUnprotectedHeader)
  })
}
