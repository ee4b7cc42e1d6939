import fc from 'fast-check'

/** Surrogates stand between these: no text encodes one alone. */
const [BEFORE, AFTER] = [0xd800, 0xe000]
const COUNT = 0x11_0000 - (AFTER - BEFORE)

/**
 * Any Unicode character, for `unit` of `fc.string`. Generates what the unit `binary` of fast-check does for the same
 * seed, without its map of all 1.1 million characters to their numbers: that takes a second of CPU and 100 MB in each
 * process.
 */
export const codePoint: fc.Arbitrary<string> = fc
  .nat({ max: COUNT - 1 })
  .map((at) => String.fromCodePoint(at < BEFORE ? at : at + AFTER - BEFORE), toNumber)

/** @throws for another value than one character, as fast-check asks */
function toNumber(text: unknown): number {
  const code = typeof text === 'string' ? text.codePointAt(0) : undefined
  if (code === undefined || String.fromCodePoint(code) !== text) throw new Error('no character')
  if (code >= BEFORE && code < AFTER) throw new Error('a surrogate')
  return code < BEFORE ? code : code - (AFTER - BEFORE)
}
