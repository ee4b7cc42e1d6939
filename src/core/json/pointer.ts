/** Appends one reference token to a JSON pointer (RFC 6901, section 4). */
export function appendPointer(parent: string, token: string | number): string {
  const escaped =
    typeof token === 'number' ? token : token.replaceAll('~', '~0').replaceAll('/', '~1')
  return `${parent}/${escaped}`
}

/** The reference tokens of a JSON pointer; none for the root. */
export const parsePointer = (text: string): readonly string[] =>
  text
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
