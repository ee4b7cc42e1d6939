import fc from 'fast-check'
import { expect, test } from 'vitest'
import { codePoint } from './code-point.ts'

test('gives every character and no surrogate', () => {
  const drawn = fc.sample(codePoint, { numRuns: 20_000, seed: 1 })
  const codes = drawn.map((text) => text.codePointAt(0) ?? Number.NaN)
  expect(codes.map((code) => String.fromCodePoint(code))).toEqual(drawn)
  expect(codes.filter((code) => code >= 0xd800 && code < 0xe000)).toEqual([])
  const planes = new Set(codes.map((code) => code >> 16))
  expect([...planes].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 17 }, (_, at) => at))
  expect(codes.some((code) => code >= 0xe000 && code < 0x1_0000)).toBe(true)
})

test('lets fc.string give the texts that break naive code', () => {
  const texts = fc.sample(fc.string({ unit: codePoint }), { numRuns: 5_000, seed: 1 })
  expect(texts.some((text) => text.includes('__proto__'))).toBe(true)
})
