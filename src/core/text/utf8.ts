// A byte order mark is kept, so that the JSON reader refuses it (RFC 8259, 8.1).
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes UTF-8 without repairing it. @throws TypeError `ERR_ENCODING_INVALID_ENCODED_DATA` at bytes that are not UTF-8 */
export const decodeUtf8 = (bytes: Uint8Array): string => UTF8.decode(bytes)

/** As `decodeUtf8`, but null for bytes that are not UTF-8. */
export function decodeUtf8OrNull(bytes: Uint8Array): string | null {
  try {
    return decodeUtf8(bytes)
  } catch {
    return null // The decoder throws for this reason alone.
  }
}
