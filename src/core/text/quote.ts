import { escapeLine } from './terminal.ts'

const MAX_CHARACTERS = 120

/**
 * A value as messages show it: in double quotes, on one line, escaped; of a text over 120 UTF-16 units only the first
 * 120, with `...` and its length. A quote or backslash in it is not escaped. Never for a secret.
 */
export function quoteValue(text: string): string {
  const shown = escapeLine(text.slice(0, MAX_CHARACTERS))
  return text.length > MAX_CHARACTERS ? `"${shown}..." (${text.length} characters)` : `"${shown}"`
}

/** A text for display: of one over `most` UTF-16 units only the first, with `...` and its length. Escapes nothing. */
export const truncateText = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most)}... (${text.length} characters)` : text

/**
 * A word of a command in a hint, as a POSIX shell reads it when it is pasted: unchanged where it needs no quotes, else
 * in single quotes.
 */
export const quoteForShell = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
