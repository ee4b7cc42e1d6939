/**
 * Appends one reference token to a JSON pointer; in a text, `~` becomes `~0` and `/` becomes `~1` (RFC 6901, section
 * 4).
 */
export function appendPointer(parent: string, token: string | number): string {
  return `${parent}/${typeof token === 'number' ? token : escapeToken(token)}`
}

/**
 * The unescaped reference tokens of a JSON pointer (RFC 6901, section 4); none for the empty text, the root. Does not
 * check the text: characters before the first `/` are ignored.
 */
export function parsePointer(text: string): readonly string[] {
  const tokens = text.split('/').slice(1)
  return text.includes('~')
    ? tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    : tokens
}

const escapeToken = (token: string): string =>
  ESCAPED.test(token) ? token.replaceAll('~', '~0').replaceAll('/', '~1') : token
const ESCAPED = /[~/]/
