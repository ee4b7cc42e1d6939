/** Levels of nesting that a flag's value may have; a deeper text is left to the lossless parser. */
const MAX_DEPTH = 56

/**
 * Whether a text is certainly canonical JSON (RFC 8785) without exponents, `\u` escapes or more than 56 levels.
 * False means "not sure": the lossless parser then decides. `JSON.parse` loses repeated members and digits, so a
 * text that survives parsing and rewriting with sorted members contains none of them. Checks neither the size nor
 * that the text is an object.
 */
export function isCanonicalText(text: string): boolean {
  // JSON.stringify writes these unchanged, but rows refuse them: U+0000, lone surrogates, exponents.
  if (text.includes('\\u') || /[0-9]e[+-]/.test(text)) return false
  try {
    return writeCanonical(JSON.parse(text), 0) === text
  } catch {
    return false // Malformed or too deep: the lossless parser reports which.
  }
}

function writeCanonical(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (depth >= MAX_DEPTH) throw new RangeError('too deep')
  if (Array.isArray(value))
    return `[${value.map((one) => writeCanonical(one, depth + 1)).join(',')}]`
  const names = Object.keys(value).sort()
  const members = value as Readonly<Record<string, unknown>>
  return `{${names.map((name) => `${JSON.stringify(name)}:${writeCanonical(members[name], depth + 1)}`).join(',')}}`
}
