import { expect, test } from 'vitest'
import { decodeUtf8, decodeUtf8OrNull } from '../../../src/core/text/utf8.ts'

const bytes = (...list: number[]) => Uint8Array.from(list)

test.each([
  ['ASCII', bytes(0x61, 0x0a), 'a\n'],
  ['four bytes a character', bytes(0xf0, 0x9f, 0x98, 0x80), '\u{1f600}'],
  ['a byte order mark, which is kept', bytes(0xef, 0xbb, 0xbf, 0x61), '\ufeffa'],
  ['nothing', bytes(), ''],
])('%s is decoded', (_what, given, text) => {
  expect(decodeUtf8(given)).toBe(text)
  expect(decodeUtf8OrNull(given)).toBe(text)
})

test.each([
  ['a byte that cannot start a character', bytes(0x61, 0xff)],
  ['a truncated character', bytes(0xe2, 0x82)],
  ['an overlong form', bytes(0xc0, 0xaf)],
  ['a surrogate', bytes(0xed, 0xa0, 0x80)],
])('%s is refused, never repaired', (_what, given) => {
  expect(() => decodeUtf8(given)).toThrow(
    expect.objectContaining({ code: 'ERR_ENCODING_INVALID_ENCODED_DATA' }),
  )
  expect(decodeUtf8OrNull(given)).toBeNull()
})
