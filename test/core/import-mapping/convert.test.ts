import { describe, expect, test } from 'vitest'
import { convert } from '../../../src/core/import-mapping/convert.ts'
import type { Conversion } from '../../../src/core/import-mapping/types.ts'
import { node } from '../builders.ts'

const REFUSED = undefined
describe('convert', () => {
  test.each<[Conversion, string, string | undefined]>([
    ['rfc3339', '"2026-01-15T09:00:00Z"', '2026-01-15T09:00:00.000Z'],
    ['rfc3339', '"2026-01-15t09:00:00.12z"', '2026-01-15T09:00:00.120Z'],
    ['rfc3339', '"2026-01-15T09:00:00.123000000Z"', '2026-01-15T09:00:00.123Z'],
    ['rfc3339', '"2026-01-15T00:30:00+05:30"', '2026-01-14T19:00:00.000Z'],
    ['rfc3339', '"2026-01-15T23:30:00-05:30"', '2026-01-16T05:00:00.000Z'],
    ['rfc3339', '"2026-01-15T09:00:00-00:00"', '2026-01-15T09:00:00.000Z'],
    ['rfc3339', '"2026-01-15T09:00:00.1234Z"', REFUSED],
    ['rfc3339', '"2026-01-15T09:00:00.9999999Z"', REFUSED],
    ['rfc3339', '"2026-01-15T09:00:00.Z"', REFUSED],
    ['rfc3339', '"2026-01-15T09:00:00"', REFUSED],
    ['rfc3339', '"2026-01-15 09:00:00Z"', REFUSED],
    ['rfc3339', '"2026-01-15T24:00:00Z"', REFUSED],
    ['rfc3339', '"2026-06-30T23:59:60Z"', REFUSED],
    ['rfc3339', '"2026-02-29T00:00:00Z"', REFUSED],
    ['rfc3339', '"2026-01-15T09:00:00+24:00"', REFUSED],
    ['rfc3339', '"2026-01-15T09:00:00+01:60"', REFUSED],
    ['rfc3339', '"0001-01-01T00:00:00+00:01"', REFUSED],
    ['rfc3339', '"9999-12-31T23:59:59-00:01"', REFUSED],
    ['rfc3339', '"0000-01-01T00:00:00Z"', REFUSED],
    ['rfc3339', '1767225600', REFUSED],
    ['date', '"2024-02-29"', '2024-02-29T00:00:00.000Z'],
    ['date', '"2026-02-29"', REFUSED],
    ['date', '"2026-01-15T00:00:00Z"', REFUSED],
    ['date', 'null', REFUSED],
    ['unix_s', '1767225600', '2026-01-01T00:00:00.000Z'],
    ['unix_s', '1767225600.25', '2026-01-01T00:00:00.250Z'],
    ['unix_s', '1.7672256e9', '2026-01-01T00:00:00.000Z'],
    ['unix_s', '-0.001', '1969-12-31T23:59:59.999Z'],
    ['unix_s', '0', '1970-01-01T00:00:00.000Z'],
    ['unix_s', '1767225600.0005', REFUSED],
    ['unix_s', '253402300800', REFUSED],
    ['unix_s', '9007199254740993', REFUSED],
    ['unix_s', '"1767225600"', REFUSED],
    ['unix_s', '[]', REFUSED],
    ['unix_ms', '1767225600250', '2026-01-01T00:00:00.250Z'],
    ['unix_ms', '-62135596800000', '0001-01-01T00:00:00.000Z'],
    ['unix_ms', '-62135596800001', REFUSED],
    ['unix_ms', '1767225600250.5', REFUSED],
    ['unix_ms', '{}', REFUSED],
    ['type', 'true', 'boolean'],
    ['type', '""', 'string'],
    ['type', '0', 'number'],
    ['type', '{}', 'object'],
    ['type', '[]', 'array'],
    ['type', 'null', 'null'],
  ])('%s of %s', (as, text, expected) => {
    const result = convert(as, node(text))
    expect('text' in result ? result.text : REFUSED).toBe(expected)
  })
})
