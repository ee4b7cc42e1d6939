import { isUtf8 } from 'node:buffer'
import { type Claims, hasFiniteTimes } from '../../core/auth/claims.ts'
import { nodeToValue } from '../../core/json/plain.ts'
import { hasRepeatedMember, isJsonObject, parseLosslessJson } from '../../core/json/read.ts'

/** A compact JWS taken apart (RFC 7515, 7.1); nothing is said of its signature. */
export interface CompactForm {
  readonly header: Claims & { readonly kid?: string }
  readonly payload: Buffer
}

/**
 * Takes a token apart, strictly (M-10): three segments, one spelling for each byte string, a header that is a
 * JSON object in which no member is repeated and `kid`, where there, is a text. Null where that does not hold.
 */
export function parseCompactJws(token: string, maxBytes: number): CompactForm | null {
  // A segment has only ASCII characters, so what is longer in bytes fails below.
  if (token.length > maxBytes) return null
  const segments = token.split('.', 4)
  if (segments.length !== 3 || !segments.every(isBase64url)) return null
  const [header, payload] = segments.slice(0, 2).map((one) => Buffer.from(one, 'base64url'))
  const read = parseJsonObject(header as Buffer)
  if (read === null) return null
  return read['kid'] === undefined || typeof read['kid'] === 'string'
    ? { header: read as CompactForm['header'], payload: payload as Buffer }
    : null
}

/** The claims set of a payload (RFC 7519, 7.2), its times finite; null where there is none. */
export function parseClaims(payload: Buffer): Claims | null {
  const claims = parseJsonObject(payload)
  return claims !== null && hasFiniteTimes(claims) ? claims : null
}

/** RFC 4648, 5, without padding, and with zeros in the bits that the last character leaves over. */
export const isBase64url = (text: string): boolean =>
  /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/.test(text)

/** A JSON object without repeated members, as a document's bytes hold it; null where they hold something else. */
export function parseJsonObject(bytes: Buffer): Claims | null {
  if (!isUtf8(bytes)) return null
  const read = parseLosslessJson(bytes.toString('utf8'))
  if (!read.ok) return null
  const { node } = read
  if (node === null || typeof node !== 'object' || !isJsonObject(node)) return null
  // Numbers and texts that RFC 7493 advises against are the issuer's affair; two members of one name are an attack.
  return hasRepeatedMember(node) ? null : (nodeToValue(node) as Claims)
}
