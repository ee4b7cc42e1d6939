/**
 * Characters that a terminal interprets or that are invisible, by Unicode general category: controls (C0, DEL, C1),
 * format characters (direction marks and overrides, zero-width and tag characters), line and paragraph separators,
 * and lone surrogates.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
const UNSEEN_BUT_LINE_FEED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * Returns a copy of a value with such characters escaped as `\uXXXX` in every text of it, except line feeds. Names of
 * members are kept as they are; an object keeps its own enumerable members only.
 */
export function escapeForTerminal<T>(value: T): T
export function escapeForTerminal(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(UNSEEN_BUT_LINE_FEED, escapeUnits)
  if (Array.isArray(value)) return value.map((one) => escapeForTerminal(one as unknown))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [name, escapeForTerminal(held as unknown)]),
  )
}

/** Escapes one text as `\uXXXX`, its line feeds too, so that it stays on one line. */
export const escapeLine = (text: string): string => text.replaceAll(UNSEEN, escapeUnits)

/** Writes every UTF-16 code unit of a text as `\uXXXX`, harmless ones too. */
export const escapeUnits = (text: string): string =>
  text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
