import type { LineBuffer } from './line-buffer.ts'

/** PostgreSQL counts microseconds from 2000-01-01 (manual, "Date/Time Types"). */
const EPOCH_MS = 946_684_800_000
const DAY_MS = 86_400_000
const HIGH = 4_294_967_296
/** Limit for the upper half: beyond it (before 1857, after 2142) a double cannot represent every microsecond. */
const EXACT = 1_048_576
const INFINITY_HIGH = 0x7fff_ffff
/** Years 1 to 9999, the range of an instant in the row schemas, in days from 1970. */
const [FIRST_DAY, LAST_DAY] = [-719_162, 2_932_896]

/**
 * Writes a `timestamptz` of the binary protocol as a JSON string in ISO 8601 form with `Z`: milliseconds, or
 * microseconds if they are not 0.
 */
export class InstantWriter {
  // The last day written: rows that were written together share it.
  private days = Number.NaN
  private day: Buffer = Buffer.alloc(0)

  /**
   * @param high the upper half of the 64 bits, signed
   * @param low the lower half, unsigned
   * @returns whether the row schemas allow the time: finite, whole milliseconds, years 1 to 9999
   */
  write(out: LineBuffer, high: number, low: number): boolean {
    if (high === INFINITY_HIGH || high === -INFINITY_HIGH - 1) {
      out.text(high > 0 ? '"infinity"' : '"-infinity"')
      return false
    }
    const near = high > -EXACT && high < EXACT
    const microseconds = high * HIGH + low
    const ms = (near ? Math.floor(microseconds / 1000) : farMilliseconds(high, low)) + EPOCH_MS
    const us = near ? microseconds - (ms - EPOCH_MS) * 1000 : farRest(high, low)
    const days = Math.floor(ms / DAY_MS)
    if (days !== this.days) this.turn(days)
    out.copy(this.day, 0, this.day.length)
    clock(out, ms - days * DAY_MS, us)
    return us === 0 && days >= FIRST_DAY && days <= LAST_DAY
  }

  private turn(days: number): void {
    this.days = days
    this.day = Buffer.from(`"${dayText(days)}T`)
  }
}

const isoDay = (days: number): string =>
  new Date(days * DAY_MS).toISOString().split('T', 1)[0] as string
/** The calendar repeats every 400 years. `Date` ends in the year 275760, and PostgreSQL in 294276. */
const [CYCLE_DAYS, CYCLE_YEARS] = [14_609_700, 40_000]
const dayText = (days: number): string =>
  days <= LAST_OF_DATE
    ? isoDay(days)
    : isoDay(days - CYCLE_DAYS).replace(/^\+\d+/, (year) => `+${Number(year) + CYCLE_YEARS}`)
const LAST_OF_DATE = 100_000_000

const whole = (high: number, low: number): bigint => BigInt(high) * BigInt(HIGH) + BigInt(low)
const farRest = (high: number, low: number): number =>
  Number(((whole(high, low) % 1000n) + 1000n) % 1000n)
const farMilliseconds = (high: number, low: number): number =>
  Number((whole(high, low) - BigInt(farRest(high, low))) / 1000n)

function clock(out: LineBuffer, ms: number, us: number): void {
  const seconds = Math.floor(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  out.two(hours)
  out.byte(0x3a)
  out.two(minutes - hours * 60)
  out.byte(0x3a)
  out.two(seconds - minutes * 60)
  out.byte(0x2e)
  out.three(ms - seconds * 1000)
  if (us !== 0) out.three(us)
  out.byte(0x5a)
  out.byte(0x22)
}
