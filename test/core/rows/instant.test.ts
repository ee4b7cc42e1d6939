import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  instantFromMs,
  type Instant,
  parseInstant,
  instantToMs,
} from '../../../src/core/rows/instant.ts'
import { instant } from '../builders.ts'

describe('parseInstant', () => {
  test.each([
    ['a time in the required form', '2026-01-15T09:00:00.000Z'],
    ['a leap day', '2024-02-29T23:59:59.999Z'],
    ['the first year', '0001-01-01T00:00:00.000Z'],
    ['the last year', '9999-12-31T23:59:59.999Z'],
  ])('accepts %s', (_situation, text) => {
    expect(parseInstant(text)).toBe(text)
  })

  test.each([
    ['seconds alone', '2026-01-15T09:00:00Z'],
    ['a tenth', '2026-01-15T09:00:00.0Z'],
    ['microseconds', '2026-01-15T09:00:00.000000Z'],
    ['an offset', '2026-01-15T10:00:00.000+01:00'],
    ['an offset of zero', '2026-01-15T09:00:00.000+00:00'],
    ['no offset', '2026-01-15T09:00:00.000'],
    ['a space instead of T', '2026-01-15 09:00:00.000Z'],
    ['small letters', '2026-01-15t09:00:00.000z'],
    ['a day alone', '2026-01-15'],
    ['30 February', '2026-02-30T00:00:00.000Z'],
    ['a leap day in a common year', '2025-02-29T00:00:00.000Z'],
    ['month 13', '2026-13-01T00:00:00.000Z'],
    ['month 0', '2026-00-01T00:00:00.000Z'],
    ['hour 24', '2026-01-15T24:00:00.000Z'],
    ['minute 60', '2026-01-15T09:60:00.000Z'],
    ['a leap second', '2016-12-31T23:59:60.000Z'],
    ['the year 0', '0000-01-01T00:00:00.000Z'],
    ['a year of five digits', '10000-01-01T00:00:00.000Z'],
    ['a signed year', '+002026-01-15T09:00:00.000Z'],
    ['infinity', 'infinity'],
    ['space around it', ' 2026-01-15T09:00:00.000Z'],
    ['a line end after it', '2026-01-15T09:00:00.000Z\n'],
    ['digits of another script', '２０２６-01-15T09:00:00.000Z'],
    ['nothing', ''],
  ])('refuses %s instead of rounding it', (_situation, text) => {
    expect(parseInstant(text)).toBeUndefined()
  })

  test.each([1900, 2000, 2024, 2025])(
    'accepts the days 1 to 31 that the months of %i have',
    (year) => {
      const two = (number: number): string => String(number).padStart(2, '0')
      for (let month = 1; month <= 12; month += 1) {
        const days = Array.from({ length: 31 }, (_, at) => at + 1)
        const held = days.filter(
          (day) => parseInstant(`${year}-${two(month)}-${two(day)}T00:00:00.000Z`) !== undefined,
        )
        expect(held.length).toBe(new Date(Date.UTC(year, month, 0)).getUTCDate())
        expect(held.at(-1)).toBe(held.length)
      }
    },
  )
})

const times = fc
  .date({
    min: new Date('0001-01-01T00:00:00.000Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  })
  .map((date) => instant(date.toISOString()))

describe('times as texts', () => {
  test('two instants compare as texts exactly as they compare as times', () => {
    fc.assert(
      fc.property(times, times, (a, b) => {
        expect(Math.sign(instantToMs(a) - instantToMs(b))).toBe(a < b ? -1 : a > b ? 1 : 0)
      }),
    )
  })

  test('an instant survives the conversion to milliseconds and back', () => {
    fc.assert(
      fc.property(times, (time) => {
        const back: Instant = instantFromMs(instantToMs(time))
        expect(back).toBe(time)
        expect(parseInstant(back)).toBe(time)
      }),
    )
  })
})
