/**
 * Characters that a terminal interprets or that are invisible: by Unicode general category controls (C0, DEL, C1),
 * format characters (direction marks and overrides, zero-width and tag characters), line and paragraph separators and
 * lone surrogates; and what a font shows as nothing, such as Hangul fillers. The schemas refuse the same in texts that
 * people write (`contracts/schemas/common.schema.json`, `line`).
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu
const UNSEEN_BUT_LINE_FEED =
  /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu

/**
 * Returns a copy of a value in which every text and every member name is escaped as `escapeLine` does, line feeds
 * too, so that no value can make a line. An object keeps its own enumerable members only; other values stay.
 */
export function escapeForTerminal<T>(value: T): T
export function escapeForTerminal(value: unknown): unknown {
  if (typeof value === 'string') return escapeLine(value)
  if (Array.isArray(value)) return value.map((one) => escapeForTerminal(one as unknown))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [
      escapeLine(name),
      escapeForTerminal(held as unknown),
    ]),
  )
}

/**
 * Writes each character of a text that a terminal interprets or that is invisible (controls, format characters, line
 * separators, lone surrogates and the like) as `\uXXXX`, its line feeds too, so that it stays on one line.
 */
export const escapeLine = (text: string): string => text.replaceAll(UNSEEN, escapeUnits)

/** Escapes a text of several lines, such as a statement of SQL, as `escapeLine` does, but keeps its line feeds. */
export const escapeLines = (text: string): string =>
  text.replaceAll(UNSEEN_BUT_LINE_FEED, escapeUnits)

/**
 * The JSON of a value, indented by two blanks, in which every character that a terminal interprets or that is
 * invisible is a JSON escape: the same value for a parser.
 */
export const formatJson = (value: unknown): string => escapeLines(JSON.stringify(value, null, 2))

/** Writes every UTF-16 code unit of a text as `\uXXXX`, harmless ones too. */
export const escapeUnits = (text: string): string =>
  text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
