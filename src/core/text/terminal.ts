/**
 * What a terminal would obey and a reader would not see, by the general categories of Unicode: controls (C0, DEL,
 * C1), format characters (direction marks and overrides, zero-width and tag characters), separators of lines and
 * paragraphs, and surrogates without their other half.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
const UNSEEN_BUT_LINE_FEED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** A value whose texts are safe to show, as JSON would escape them. Line feeds stay: a text may have several lines. */
export function escapeForTerminal<T>(value: T): T
export function escapeForTerminal(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(UNSEEN_BUT_LINE_FEED, escapeUnits)
  if (Array.isArray(value)) return value.map((one) => escapeForTerminal(one as unknown))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [name, escapeForTerminal(held as unknown)]),
  )
}

/** The same of a text that has to stay on its line. */
export const escapeLine = (text: string): string => text.replaceAll(UNSEEN, escapeUnits)

/** `\uXXXX` for each UTF-16 code unit. */
export const escapeUnits = (text: string): string =>
  text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
