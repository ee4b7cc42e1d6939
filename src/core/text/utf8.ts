// A byte order mark is kept, so that the JSON reader refuses it (RFC 8259, 8.1).
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes UTF-8 strictly; a byte order mark stays as U+FEFF.
 *
 * @throws TypeError `ERR_ENCODING_INVALID_ENCODED_DATA` for invalid bytes
 */
export const decodeUtf8 = (bytes: Uint8Array): string => UTF8.decode(bytes)

/** Decodes UTF-8 strictly; null for invalid bytes. A BOM stays in the text. */
export function decodeUtf8OrNull(bytes: Uint8Array): string | null {
  try {
    return decodeUtf8(bytes)
  } catch {
    return null // The decoder throws for no other reason.
  }
}
