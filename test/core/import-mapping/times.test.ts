import { describe, expect, test } from 'vitest'
import { convert } from '../../../src/core/import-mapping/convert.ts'
import type { Conversion, TimeAllowances } from '../../../src/core/import-mapping/types.ts'
import { node } from '../builders.ts'

const read = (as: Conversion, text: string, allowed: TimeAllowances): readonly string[] => {
  const result = convert(as, node(text), allowed)
  return 'text' in result ? [result.text, ...result.changes.slice(1)] : [result.reason]
}
const CUT: TimeAllowances = { truncate: true }
const NAIVE: TimeAllowances = { zone: '+02:00' }

describe('a time as it is printed by', () => {
  test.each<[string, string, TimeAllowances, readonly string[]]>([
    [
      'isoformat of Python',
      '"2025-03-02T09:15:27.481516+00:00"',
      CUT,
      ['2025-03-02T09:15:27.481Z', 'time_truncated'],
    ],
    [
      'isoformat of Python without microseconds',
      '"2025-03-02T09:15:27+00:00"',
      {},
      ['2025-03-02T09:15:27.000Z'],
    ],
    [
      'str of Python',
      '"2025-03-02 09:15:27.481516+00:00"',
      CUT,
      ['2025-03-02T09:15:27.481Z', 'time_truncated'],
    ],
    [
      'a naive datetime of Python',
      '"2025-03-02T09:15:27"',
      NAIVE,
      ['2025-03-02T07:15:27.000Z', 'zone_assumed'],
    ],
    [
      'a naive datetime with both losses',
      '"2025-03-02 09:15:27.481516"',
      { ...NAIVE, ...CUT },
      ['2025-03-02T07:15:27.481Z', 'time_truncated', 'zone_assumed'],
    ],
    [
      'a logger of Python',
      '"2025-03-02 09:15:27,481"',
      { zone: 'Z' },
      ['2025-03-02T09:15:27.481Z', 'zone_assumed'],
    ],
    ['its own zone, which counts', '"2025-03-02T09:15:27Z"', NAIVE, ['2025-03-02T09:15:27.000Z']],
    [
      'Instant of Java',
      '"2025-03-02T09:15:27.481516789Z"',
      CUT,
      ['2025-03-02T09:15:27.481Z', 'time_truncated'],
    ],
    ['OffsetDateTime of Java', '"2025-03-02T09:15+01:00"', {}, ['2025-03-02T08:15:00.000Z']],
    [
      'ZonedDateTime of Java',
      '"2025-03-02T09:15:27.5+01:00[Europe/Paris]"',
      {},
      ['2025-03-02T08:15:27.500Z'],
    ],
    ['Jackson of Java', '"2025-03-02T09:15:27.481+0000"', {}, ['2025-03-02T09:15:27.481Z']],
    ['psql', '"2025-03-02 09:15:27.481+00"', {}, ['2025-03-02T09:15:27.481Z']],
    [
      'String of Go',
      '"2025-03-02 09:15:27.481516789 +0100 CET m=+0.000012"',
      CUT,
      ['2025-03-02T08:15:27.481Z', 'time_truncated'],
    ],
    ['String of Go in UTC', '"2025-03-02 09:15:27 +0000 UTC"', {}, ['2025-03-02T09:15:27.000Z']],
    ['RFC 3339 of Go', '"2025-03-02T09:15:27.48-05:30"', {}, ['2025-03-02T14:45:27.480Z']],
    [
      'toString of JavaScript',
      '"Sun Mar 02 2025 09:15:27 GMT+0100 (Central European Standard Time)"',
      {},
      ['2025-03-02T08:15:27.000Z'],
    ],
    [
      'toUTCString of JavaScript',
      '"Sun, 02 Mar 2025 09:15:27 GMT"',
      {},
      ['2025-03-02T09:15:27.000Z'],
    ],
    [
      'RFC 1123 with a numeric zone',
      '"Sun, 2 Mar 2025 09:15:27 -0200"',
      {},
      ['2025-03-02T11:15:27.000Z'],
    ],
    ['UTC as a word', '"2025-03-02 09:15:27 UTC"', {}, ['2025-03-02T09:15:27.000Z']],
  ])('%s', (_what, text, allowed, expected) => {
    expect(read('timestamp', text, allowed)).toEqual(expected)
  })

  test.each<[string, string, TimeAllowances, RegExp]>([
    ['without a zone', '"2025-03-02T09:15:27"', {}, /no time zone/],
    ['with microseconds', '"2025-03-02T09:15:27.481516Z"', {}, /digits below/],
    ['with a zone by name', '"Sun Mar 02 09:15:27 CET 2025"', {}, /not in this form/],
    [
      'with a name alone for a zone',
      '"2025-03-02T09:15:27[Europe/Paris]"',
      NAIVE,
      /not in this form/,
    ],
    ['with a month that is no month', '"Sun, 02 Xyz 2025 09:15:27 GMT"', {}, /no such date/],
    ['with an hour of a zone past 23', '"2025-03-02T09:15:27+24:00"', {}, /no such date/],
    ['with another day of the week', '"Mon, 02 Mar 2025 09:15:27 GMT"', {}, /no such date/],
    ['of the second 60', '"2016-12-31T23:59:60Z"', {}, /no such date/],
    ['that is a number', '1785903242', {}, /not a text/],
  ])('is refused %s', (_what, text, allowed, reason) => {
    expect(read('timestamp', text, allowed)[0]).toMatch(reason)
  })
})

test.each<[Conversion, string, TimeAllowances, readonly string[]]>([
  ['unix_s', '1785903242.168936', CUT, ['2026-08-05T04:14:02.168Z', 'time_truncated']],
  ['unix_s', '1785903242.168000', {}, ['2026-08-05T04:14:02.168Z']],
  ['unix_s', '-1.5', {}, ['1969-12-31T23:59:58.500Z']],
  ['unix_ms', '1785903242168.5', CUT, ['2026-08-05T04:14:02.168Z', 'time_truncated']],
  ['unix_us', '1785903242168936', CUT, ['2026-08-05T04:14:02.168Z', 'time_truncated']],
  ['unix_us', '1785903242168000', {}, ['2026-08-05T04:14:02.168Z']],
  ['unix_us', '5', CUT, ['1970-01-01T00:00:00.000Z', 'time_truncated']],
  ['date', '"2026-01-15"', { zone: '+02:00' }, ['2026-01-14T22:00:00.000Z', 'zone_assumed']],
  ['date', '"2026-01-15"', {}, ['2026-01-15T00:00:00.000Z', 'zone_assumed']],
])('%s of %s', (as, text, allowed, expected) => {
  expect(read(as, text, allowed)).toEqual(expected)
})

test.each<[string, string]>([
  ['42', '42'],
  ['"42"', '42'],
  ['-0.5', '-0.5'],
  ['42.0', 'this number can be written in another way'],
  ['1e3', 'this number can be written in another way'],
  ['true', 'it is neither a text nor a number'],
])('the text of %s', (text, expected) => {
  expect(read('text', text, {})[0]).toBe(expected)
})
