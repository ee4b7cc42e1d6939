import { instantFromMs, type Instant, parseInstant } from '../rows/instant.ts'
import type { MappingChangeCode, TimeAllowances } from './types.ts'

/** An instant and what it lacks of the time as written, or why there is none. */
export type TimeRead =
  | { readonly instant: Instant; readonly lost: readonly MappingChangeCode[] }
  | { readonly reason: TimeFault }
/** Why a time is refused, in words for display. */
export type TimeFault = (typeof FAULTS)[keyof typeof FAULTS]

const FAULTS = {
  form: 'it is not in this form',
  zone: 'it names no time zone; state one with "zone"',
  digits: 'digits below a millisecond would be lost; allow it with "truncate": true',
  clock: 'there is no such date or time',
  range: 'it is outside of the years 1 to 9999',
} as const
const refuse = (fault: keyof typeof FAULTS): TimeRead => ({ reason: FAULTS[fault] })

const RFC3339 =
  /^(?<date>\d{4}-\d{2}-\d{2})[Tt](?<time>\d{2}:\d{2}:\d{2})(?:\.(?<digits>\d+))?(?<zone>[Zz]|[+-]\d{2}:\d{2})$/
/** ISO 8601 as Python, Java and Go print it: a blank for T, no seconds, no zone, the zone with a name after it. */
const ISO =
  /^(?<date>\d{4}-\d{2}-\d{2})[Tt ](?<time>\d{2}:\d{2}(?::\d{2})?)(?:[.,](?<digits>\d+))?(?: ?(?<zone>[Zz]|UTC|[+-]\d{2}(?::?\d{2})?)(?: [A-Z]{2,5}|\[[\w/+-]+\])?(?: m=[+-]\d+\.\d+)?)?$/
/** `Date.prototype.toString` and `toUTCString`, RFC 1123 with a numeric zone. */
const ENGLISH =
  /^(?<weekday>Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:(?<day>\d{1,2}) (?<month>[A-Z][a-z]{2})|(?<month2>[A-Z][a-z]{2}) (?<day2>\d{2})) (?<year>\d{4}) (?<time>\d{2}:\d{2}:\d{2}) (?<zone>GMT|UTC|(?:GMT)?[+-]\d{4})(?: \([^()]+\))?$/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** RFC 3339, section 5.6. */
export const readRfc3339 = (text: string, allowed: TimeAllowances): TimeRead =>
  readFields(RFC3339.exec(text)?.groups, allowed)

/** A time as Python, Java, Go or JavaScript print it. */
export const readTimestamp = (text: string, allowed: TimeAllowances): TimeRead =>
  readFields(ISO.exec(text)?.groups ?? toIsoFields(ENGLISH.exec(text)?.groups), allowed)

/** Midnight of a date: in UTC, or in the zone that is allowed; either is assumed. */
export const readDate = (text: string, { zone = 'Z' }: TimeAllowances): TimeRead =>
  /^\d{4}-\d{2}-\d{2}$/.test(text)
    ? readFields({ date: text, time: '00:00:00' }, { zone })
    : refuse('form')

type Fields = Readonly<Record<string, string | undefined>>

function toIsoFields(fields: Fields | undefined): Fields | undefined {
  if (fields === undefined) return undefined
  const { weekday, day, day2 = '', month, month2 = '', year = '', time, zone = '' } = fields
  const number = MONTHS.indexOf(month ?? month2) + 1
  const date = [year, pad(String(number)), pad(day ?? day2)].join('-')
  return { weekday, date, time, zone: zone.replace(/^(?:GMT|UTC)(?=[+-])/, '') }
}
const pad = (text: string): string => text.padStart(2, '0')

/** Second 60 and hour 24 would become another time and are refused. */
function readFields(fields: Fields | undefined, allowed: TimeAllowances): TimeRead {
  if (fields === undefined) return refuse('form')
  const { digits = '', zone = allowed.zone } = fields
  if (zone === undefined) return refuse('zone')
  const lost = findLostDigits(digits.slice(3), allowed)
  if (lost === undefined) return refuse('digits')
  const local = readLocal(fields, digits)
  const offset = readOffset(zone)
  if (local === undefined || offset === undefined) return refuse('clock')
  const changes = fields['zone'] === undefined ? ([...lost, 'zone_assumed'] as const) : lost
  // Most times are in UTC, and then as they are wanted.
  return offset === 0
    ? { instant: local, lost: changes }
    : fromUnix(Date.parse(local) - offset, changes)
}

/** The time as if it were in UTC; undefined where there is none, or where it is of another day of the week. */
function readLocal(
  { weekday = '', date = '', time = '' }: Fields,
  digits: string,
): Instant | undefined {
  const seconds = time.length === 5 ? `${time}:00` : time
  const local = parseInstant(`${date}T${seconds}.${digits.slice(0, 3).padEnd(3, '0')}Z`)
  const isOfTheDay =
    local !== undefined && (weekday === '' || new Date(local).toUTCString().startsWith(weekday))
  return isOfTheDay ? local : undefined
}

const findLostDigits = (
  below: string,
  { truncate = false }: TimeAllowances,
): readonly MappingChangeCode[] | undefined => {
  if (!/[1-9]/.test(below)) return []
  return truncate ? ['time_truncated'] : undefined
}

/** Milliseconds east of UTC; undefined for hours over 23 or minutes over 59. */
function readOffset(zone: string): number | undefined {
  const [, sign, hours = '0', minutes = '0'] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone) ?? []
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  return (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000)
}

/**
 * A number of units since 1970, as a decimal; converted as text, as a double has no exact milliseconds.
 *
 * @param digits decimals of a second that the unit itself holds: 0 for seconds, 6 for microseconds
 */
export function readUnix(form: string, digits: number, allowed: TimeAllowances): TimeRead {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(form) ?? []
  if (whole === '') return refuse('form')
  const all = whole.padStart(digits + 1, '0') + fraction
  const point = all.length - fraction.length - digits
  const below = all.slice(point)
  const lost = findLostDigits(below.slice(3), allowed)
  if (lost === undefined) return refuse('digits')
  const milliseconds = Number(`${sign}${all.slice(0, point)}${below.slice(0, 3).padEnd(3, '0')}`)
  return fromUnix(milliseconds, lost)
}

function fromUnix(milliseconds: number, lost: readonly MappingChangeCode[]): TimeRead {
  return milliseconds < FIRST || milliseconds > LAST
    ? refuse('range')
    : { instant: instantFromMs(milliseconds), lost }
}
const FIRST = Date.parse('0001-01-01T00:00:00.000Z')
const LAST = Date.parse('9999-12-31T23:59:59.999Z')
