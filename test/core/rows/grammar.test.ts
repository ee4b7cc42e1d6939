import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isApprovalRef, isFlagKey, isScopeId, utf8Bytes } from '../../../src/core/rows/grammar.ts'
import { codePoint } from '../../support/code-point.ts'

describe('isFlagKey', () => {
  test.each([
    ['one word', 'ff.a', true],
    ['words with every separator', 'ff.a.b_c-d0', true],
    ['digits first', 'ff.0', true],
    ['128 characters', `ff.${'a'.repeat(125)}`, true],
    ['129 characters', `ff.${'a'.repeat(126)}`, false],
    ['no prefix', 'a.b', false],
    ['the prefix alone', 'ff.', false],
    ['a capital', 'ff.A', false],
    ['two adjacent separators', 'ff.a..b', false],
    ['a separator at the end', 'ff.a-', false],
    ['a separator at the start', 'ff.-a', false],
    ['a colon, which separates Redis keys', 'ff.a:b', false],
    ['an asterisk', 'ff.*', false],
    ['a letter beyond ASCII', 'ff.ä', false],
    ['a line end', 'ff.a\n', false],
    ['nothing', '', false],
  ])('%s', (_situation, text, fits) => {
    expect(isFlagKey(text)).toBe(fits)
  })

  test('a long key that almost fits is refused quickly', () => {
    expect(isFlagKey(`ff.${'a-'.repeat(100_000)}`)).toBe(false)
  })
})

describe('isScopeId', () => {
  test.each([
    ['a tenant', 'T-pty-pilot-01', true],
    ['a mail address', 'a.b_c@example.org', true],
    ['one character', '0', true],
    ['255 characters', 'a'.repeat(255), true],
    ['256 characters', 'a'.repeat(256), false],
    ['S3: a mail address with a plus sign', 'anna+test@example.com', true],
    ['S3: a subject of an identity provider', 'auth0|5f7c', true],
    ['S3: a service account', 'system:serviceaccount:ns:sa', true],
    ['a hyphen first', '-x_Y', true],
    ['every character from ! to /', '!"#$%&\'()*+,-./', true],
    ['every character from : to @', ':;<=>?@', true],
    ['every character from [ to `', '[\\]^_`', true],
    ['every character from { to ~', '{|}~', true],
    ['a name of a prototype', '__proto__', true],
    ['a space', 'a b', false],
    ['a tab', 'a\tb', false],
    ['U+007F', 'a\u007f', false],
    ['a letter beyond ASCII', 'é', false],
    ['a line end', 'a\n', false],
    ['nothing', '', false],
  ])('%s', (_situation, text, fits) => {
    expect(isScopeId(text)).toBe(fits)
  })
})

describe('isApprovalRef', () => {
  test.each([
    ['digits and letters', 'APP-100001-abcd', true],
    ['capitals in its tail', 'APP-1-ABC9', true],
    ['small letters first', 'app-1-a', false],
    ['no number', 'APP--a', false],
    ['letters for the number', 'APP-x-a', false],
    ['no tail', 'APP-1-', false],
    ['a tail of two', 'APP-1-a-b', false],
    ['something before it', ' APP-1-a', false],
    ['a line end', 'APP-1-a\n', false],
  ])('%s', (_situation, text, fits) => {
    expect(isApprovalRef(text)).toBe(fits)
  })

  test('a ref of any length that a request may have is checked quickly', () => {
    expect(isApprovalRef(`APP-1-${'a'.repeat(122)}`)).toBe(true)
    expect(isApprovalRef(`APP-1-${'a'.repeat(1_000_000)}`)).toBe(false)
  })
})

describe('utf8Bytes', () => {
  test.each([
    ['nothing', '', 0],
    ['the last character of one byte', '\u007f', 1],
    ['the first character of two bytes', '\u0080', 2],
    ['the last character of two bytes', '\u07ff', 2],
    ['the first character of three bytes', '\u0800', 3],
    ['the last character of three bytes', '\uffff', 3],
    ['the first character of four bytes', '\u{10000}', 4],
    ['a letter with a combining mark', 'e\u0301', 3],
  ])('%s', (_situation, text, bytes) => {
    expect(utf8Bytes(text)).toBe(bytes)
  })

  test('counts the bytes that TextEncoder writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint }), (text) => {
        expect(utf8Bytes(text)).toBe(new TextEncoder().encode(text).length)
      }),
    )
  })
})
