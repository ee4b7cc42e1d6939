/**
 * The RFC 8785 form of plain values of this program's own: members sorted by the UTF-16 code units of their names,
 * numbers and strings as ECMAScript writes them, members that are undefined left out. What comes from outside is
 * canonicalised as a node instead, by which nothing is lost.
 */
export function canonicalizeValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalizeValue).join(',')}]`
  const members = Object.entries(value)
    .filter(([, held]) => held !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, held]) => `${JSON.stringify(name)}:${canonicalizeValue(held)}`).join(',')}}`
}
