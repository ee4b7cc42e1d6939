import { isUtf8 } from 'node:buffer'
import { type Claims, hasFiniteTimes } from '../../core/auth/claims.ts'
import { nodeToValue } from '../../core/json/plain.ts'
import { hasRepeatedMember, isJsonObject, parseLosslessJson } from '../../core/json/read.ts'

/** The decoded header and payload of a compact JWS (RFC 7515, 7.1); its signature is not checked. */
export interface CompactForm {
  readonly header: Claims & { readonly kid?: string }
  readonly payload: Buffer
}

/**
 * Parses a compact JWS strictly (RFC 7515, 7.1) into its header and the bytes of its payload: at most `maxBytes`,
 * three segments of canonical base64url, and a header that is a JSON object without repeated members, whose `kid`, if
 * present, is a string, and whose `typ`, if present, is `JWT` or `at+jwt` (RFC 9068, 2.1), in any case, also behind
 * `application/`. Null for any other text. Checks neither the payload's content nor the signature.
 */
export function parseCompactJws(token: string, maxBytes: number): CompactForm | null {
  // Segments are ASCII, so a text with more bytes than characters fails below.
  if (token.length > maxBytes) return null
  const segments = token.split('.', 4)
  if (segments.length !== 3 || !segments.every(isBase64url)) return null
  const [header, payload] = segments.slice(0, 2).map((one) => Buffer.from(one, 'base64url'))
  const read = parseJsonObject(header as Buffer)
  if (read === null) return null
  return isAccessToken(read['typ']) &&
    (read['kid'] === undefined || typeof read['kid'] === 'string')
    ? { header: read as CompactForm['header'], payload: payload as Buffer }
    : null
}

/**
 * Whether a `typ` is absent, `JWT` or `at+jwt` (RFC 9068, 2.1). Tokens of one issuer for other purposes, such as a
 * logout, have another type (RFC 8725, 3.11). A media type compares without case and without `application/` (RFC 7515,
 * 4.1.9).
 */
const isAccessToken = (typ: unknown): boolean =>
  typ === undefined || (typeof typ === 'string' && /^(?:application\/)?(?:at\+)?jwt$/i.test(typ))

/**
 * The claims set of a payload (RFC 7519, 7.2); null where it is not a JSON object in UTF-8 without repeated members,
 * or where `exp` or `nbf` is present and not a finite number. Checks no claim against a clock or an issuer.
 */
export function parseClaims(payload: Buffer): Claims | null {
  const claims = parseJsonObject(payload)
  return claims !== null && hasFiniteTimes(claims) ? claims : null
}

/**
 * Whether a text is canonical base64url (RFC 4648, 5), also where empty: no padding, and zeros in the unused bits of
 * the last character.
 */
export const isBase64url = (text: string): boolean =>
  /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/.test(text)

/** Parses UTF-8 bytes as a JSON object without repeated members; null for any other bytes. */
export function parseJsonObject(bytes: Buffer): Claims | null {
  if (!isUtf8(bytes)) return null
  const read = parseLosslessJson(bytes.toString('utf8'))
  if (!read.ok) return null
  const { node } = read
  if (node === null || typeof node !== 'object' || !isJsonObject(node)) return null
  // Tolerates numbers and texts that RFC 7493 advises against; a repeated member is an attack.
  return hasRepeatedMember(node) ? null : (nodeToValue(node) as Claims)
}
