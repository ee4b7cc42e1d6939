/**
 * Whether If-None-Match names what would be sent, compared weakly (RFC 9110, 13.1.2): `*`, or a list with the tag in it.
 *
 * @param header several of them are one, joined with commas
 * @param tag a strong one, in its quotes
 */
export function matchesTag(header: string | null, tag: string): boolean {
  if (header === null) return false
  if (header.trim() === '*') return true
  return [...header.matchAll(/"[^"]*"/g)].some(([one]) => one === tag)
}
