import { escapeLine } from './terminal.ts'

const MAX_CHARACTERS = 120

/** A value as messages show it: in double quotes, on one line, escaped, cut after 120 characters. Never for a secret. */
export function quoteValue(text: string): string {
  const shown = escapeLine(text.slice(0, MAX_CHARACTERS))
  return text.length > MAX_CHARACTERS ? `"${shown}..." (${text.length} characters)` : `"${shown}"`
}

/** A word of a command in a hint, as a POSIX shell reads it when it is pasted. */
export const quoteForShell = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
