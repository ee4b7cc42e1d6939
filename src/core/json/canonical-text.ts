/** Levels that a value may have (page 1); what is nested deeper is not looked at here. */
const MAX_DEPTH = 56

/**
 * Whether an object's text is canonical JSON (RFC 8785) that also keeps page 1's rules. `JSON.parse` loses
 * repeated members, digits and exponents, so a text that comes back the same when it is written anew, its
 * members sorted, had none of them to lose. False only says that it takes a closer look.
 */
export function isCanonicalText(text: string): boolean {
  // Escapes that JSON.stringify writes too, but page 1 refuses: U+0000 and half surrogates; and exponents.
  if (text.includes('\\u') || /[0-9]e[+-]/.test(text)) return false
  try {
    return written(JSON.parse(text), 0) === text
  } catch {
    return false // No JSON, or too deep: the lossless reader says which.
  }
}

function written(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (depth >= MAX_DEPTH) throw new RangeError('too deep')
  if (Array.isArray(value)) return `[${value.map((one) => written(one, depth + 1)).join(',')}]`
  const names = Object.keys(value).sort()
  const held = value as Readonly<Record<string, unknown>>
  return `{${names.map((name) => `${JSON.stringify(name)}:${written(held[name], depth + 1)}`).join(',')}}`
}
