declare const instant: unique symbol
/**
 * RFC 3339, UTC, milliseconds, `Z`: the only form of a time (page 1). Being of fixed width, two of
 * them compare as strings exactly as they compare as times.
 */
export type Instant = string & { readonly [instant]: true }

const FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

/** Undefined for another precision or offset, a day or second that does not exist, and the year 0, which PostgreSQL has not. */
export function parseInstant(text: string): Instant | undefined {
  if (!FORM.test(text) || text.startsWith('0000')) return undefined
  const milliseconds = Date.parse(text)
  // 24:00:00 parses and comes back as the next day; 30 February and second 60 do not parse or come back changed.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== text) return undefined
  return text as Instant
}

/** Milliseconds since 1970, for differences only. */
export const instantToMs = (time: Instant): number => Date.parse(time)

/** @param milliseconds since 1970, within the years 1 to 9999 */
export const instantFromMs = (milliseconds: number): Instant =>
  new Date(milliseconds).toISOString() as Instant
