import { expect, test } from 'vitest'
import {
  escapeForTerminal,
  escapeLine,
  escapeLines,
  formatJson,
} from '../../../src/core/text/terminal.ts'

test.each([
  ['a control that begins a command', '\u001b[2J', '\\u001b[2J'],
  ['a control of one byte (C1)', '\u009b2J', '\\u009b2J'],
  ['delete', '\u007f', '\\u007f'],
  ['a carriage return, which overwrites its line', 'GO\rNO-GO', 'GO\\u000dNO-GO'],
  ['a tab', '\t', '\\u0009'],
  ['a left-to-right mark', '\u200e', '\\u200e'],
  ['a right-to-left mark', '\u200f', '\\u200f'],
  ['an Arabic letter mark', '\u061c', '\\u061c'],
  ['a direction override', '\u202e', '\\u202e'],
  ['an isolate', '\u2066', '\\u2066'],
  ['a zero-width space', 'a\u200bb', 'a\\u200bb'],
  ['a byte order mark', '\ufeff', '\\ufeff'],
  ['a line separator', '\u2028', '\\u2028'],
  ['a paragraph separator', '\u2029', '\\u2029'],
  ['a tag character, of two code units', '\u{e0041}', '\\udb40\\udc41'],
  ['a Hangul filler', '\u3164', '\\u3164'],
  ['a variation selector', '\ufe0f', '\\ufe0f'],
  ['a lone high surrogate', '\ud83d!', '\\ud83d!'],
  ['a lone low surrogate', '\ude00!', '\\ude00!'],
])('%s is escaped', (_what, given, shown) => {
  expect(escapeForTerminal(given)).toBe(shown)
  expect(escapeLine(given)).toBe(shown)
})

test('letters of every script, emoji and blanks stay unchanged', () => {
  const text = 'caf\u00e9 \u0441 \u4e2d \u05d0 \u{1f600} \u00a0 \\u001b'
  expect(escapeForTerminal(text)).toBe(text)
  expect(escapeLine(text)).toBe(text)
})

test('a line feed stays where lines are meant, but not in a value', () => {
  expect(escapeForTerminal('a\nb')).toBe('a\\u000ab')
  expect(escapeLines('a\n\u001bb')).toBe('a\n\\u001bb')
  expect(escapeLine('a\nb')).toBe('a\\u000ab')
})

test('JSON has the same value, in escapes', () => {
  const value = { 'a\u202e': ['\u200b\n', 1, null] }
  expect(formatJson(value)).not.toMatch(/[\u200b\u202e]/)
  expect(JSON.parse(formatJson(value))).toEqual(value)
})

test('every text and name of a value is escaped, and other values are kept', () => {
  expect(escapeForTerminal({ 'a\n': 1 })).toEqual({ 'a\\u000a': 1 })
  expect(escapeForTerminal({ a: ['\u001b', 1, null], b: { c: true, d: '\u200e' } })).toEqual({
    a: ['\\u001b', 1, null],
    b: { c: true, d: '\\u200e' },
  })
})
