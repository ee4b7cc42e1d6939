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
   * Writes one time with its quotes; infinite ones as `"infinity"` and `"-infinity"`.
   *
   * @param high the upper half of the 64 bits, signed
   * @param low the lower half, unsigned
   * @returns whether the row schemas allow the time: finite, whole milliseconds, years 1 to 9999
   */
  write(out: LineBuffer, high: number, low: number): boolean {
    if (high === INFINITY_HIGH || high === -INFINITY_HIGH - 1) {
      out.writeText(high > 0 ? '"infinity"' : '"-infinity"')
      return false
    }
    const near = high > -EXACT && high < EXACT
    const microseconds = high * HIGH + low
    const ms = (near ? Math.floor(microseconds / 1000) : toFarMilliseconds(high, low)) + EPOCH_MS
    const us = near ? microseconds - (ms - EPOCH_MS) * 1000 : toFarRest(high, low)
    const days = Math.floor(ms / DAY_MS)
    if (days !== this.days) this.setDay(days)
    out.copy(this.day, 0, this.day.length)
    writeClock(out, ms - days * DAY_MS, us)
    return us === 0 && days >= FIRST_DAY && days <= LAST_DAY
  }

  private setDay(days: number): void {
    this.days = days
    this.day = Buffer.from(`"${formatDay(days)}T`)
  }
}

const formatIsoDay = (days: number): string =>
  new Date(days * DAY_MS).toISOString().split('T', 1)[0] as string
/** The calendar repeats every 400 years. `Date` ends in the year 275760, and PostgreSQL in 294276. */
const [CYCLE_DAYS, CYCLE_YEARS] = [14_609_700, 40_000]
const formatDay = (days: number): string =>
  days <= LAST_OF_DATE
    ? formatIsoDay(days)
    : formatIsoDay(days - CYCLE_DAYS).replace(/^\+\d+/, (year) => `+${Number(year) + CYCLE_YEARS}`)
const LAST_OF_DATE = 100_000_000

const toMicroseconds = (high: number, low: number): bigint =>
  BigInt(high) * BigInt(HIGH) + BigInt(low)
const toFarRest = (high: number, low: number): number =>
  Number(((toMicroseconds(high, low) % 1000n) + 1000n) % 1000n)
const toFarMilliseconds = (high: number, low: number): number =>
  Number((toMicroseconds(high, low) - BigInt(toFarRest(high, low))) / 1000n)

function writeClock(out: LineBuffer, ms: number, us: number): void {
  const seconds = Math.floor(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  out.writeTwoDigits(hours)
  out.writeByte(0x3a)
  out.writeTwoDigits(minutes - hours * 60)
  out.writeByte(0x3a)
  out.writeTwoDigits(seconds - minutes * 60)
  out.writeByte(0x2e)
  out.writeThreeDigits(ms - seconds * 1000)
  if (us !== 0) out.writeThreeDigits(us)
  out.writeByte(0x5a)
  out.writeByte(0x22)
}
