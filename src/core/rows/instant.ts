declare const instant: unique symbol
/**
 * A time in the only accepted form: RFC 3339 in UTC with milliseconds and `Z`. The fixed width makes instants compare as
 * strings exactly as they compare as times.
 */
export type Instant = string & { readonly [instant]: true }

const FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

/**
 * Returns the text itself where it is an instant. Undefined for any other form, for a date or time that does not exist,
 * and for year 0, which PostgreSQL lacks.
 */
export function parseInstant(text: string): Instant | undefined {
  if (!FORM.test(text) || text.startsWith('0000')) return undefined
  const milliseconds = Date.parse(text)
  // 24:00:00 parses as the next day; 30 February and second 60 do not parse, or parse as another time.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== text) return undefined
  return text as Instant
}

/** Milliseconds since 1970, for differences only; negative before. */
export const instantToMs = (time: Instant): number => Date.parse(time)

/**
 * The instant of a number of milliseconds since 1970. Only the years 1 to 9999 give a valid instant.
 *
 * @throws RangeError for a number that `Date` cannot hold
 */
export const instantFromMs = (milliseconds: number): Instant =>
  new Date(milliseconds).toISOString() as Instant
