/**
 * Appends one reference token to a JSON pointer; in a text, `~` becomes `~0` and `/` becomes `~1` (RFC 6901, section
 * 4).
 */
export function appendPointer(parent: string, token: string | number): string {
  const escaped =
    typeof token === 'number' ? token : token.replaceAll('~', '~0').replaceAll('/', '~1')
  return `${parent}/${escaped}`
}

/**
 * The unescaped reference tokens of a JSON pointer (RFC 6901, section 4); none for the empty text, the root. Does not
 * check the text: characters before the first `/` are ignored.
 */
export const parsePointer = (text: string): readonly string[] =>
  text
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
