declare const instant: unique symbol
/**
 * A time in the only accepted form: RFC 3339 in UTC with milliseconds and `Z`. The fixed width makes instants compare as
 * strings exactly as they compare as times.
 */
export type Instant = string & { readonly [instant]: true }

const FORM =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/
/** Days that every month has; making a Date for each stored time would take most of the reading of a row. */
const SHORTEST_MONTH = 28

/**
 * Returns the text itself where it is an instant. Undefined for any other form, for a date or time that does not exist,
 * and for year 0, which PostgreSQL lacks.
 */
export function parseInstant(text: string): Instant | undefined {
  if (!FORM.test(text) || text.startsWith('0000')) return undefined
  const day = Number(text.slice(8, 10))
  // 30 February parses as a day of March, or not at all.
  return day <= SHORTEST_MONTH || new Date(text).getUTCDate() === day
    ? (text as Instant)
    : undefined
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
