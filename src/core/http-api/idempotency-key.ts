/** A string of RFC 8941 (3.3.3) without escapes, or a token in its place, which many clients send. */
const FORM = /^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\w!#$%&'*+.^`|~:/-]{1,255}))$/

/**
 * The key of the header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): null without the header, undefined
 * where it is malformed.
 */
export function parseIdempotencyKey(header: string | null): string | null | undefined {
  if (header === null) return null
  const [, quoted, token] = FORM.exec(header.trim()) ?? []
  return quoted ?? token
}
