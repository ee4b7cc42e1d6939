import { canonicalizeValue } from '../../core/json/plain.ts'

/**
 * Parses a text that must be the RFC 8785 form of a value of the schema, byte for byte as it was signed; null for any
 * other text.
 *
 * @param fits whether a value matches the schema
 */
export function parseCanonical<T>(text: string, fits: (value: unknown) => boolean): T | null {
  try {
    const value = JSON.parse(text) as unknown
    return canonicalizeValue(value) === text && fits(value) ? (value as T) : null
  } catch (error) {
    // A RangeError where it is nested deeper than the stack: nothing that was written is.
    if (error instanceof SyntaxError || error instanceof RangeError) return null
    throw error
  }
}
