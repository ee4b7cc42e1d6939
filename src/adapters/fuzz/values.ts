import fc from 'fast-check'
import { canonicalize, type CanonicalJson } from '../../core/json/canonical.ts'
import { parseLosslessJson } from '../../core/json/read.ts'
import { SCENE_TIME, TEST_TENANT, TEST_USER } from '../../core/parity/scene.ts'
import { instantFromMs, type Instant, instantToMs } from '../../core/rows/instant.ts'
import type { ValueType } from '../../core/rows/rows.ts'

// Few of each, so that questions hit the rows of the scene.
export const FLAGS = ['ff.a', 'ff.a.b', 'ff.a-b', 'ff.z'] as const
export const TENANTS = [TEST_TENANT, 'T-other', 'T-pty-pilot-0', 'T"\\%_/{}'] as const
export const USERS = [TEST_USER, 'U-other', 'u1001', 'auth0|5f7c'] as const
export const REFS = ['APP-1-a', 'APP-1-b', 'APP-2-a'] as const
export const CREATED = '2025-09-01T00:00:00.000Z' as Instant
const DAY = 86_400_000

/** Generates instants around `SCENE_TIME`, within ten days: often on, or one millisecond beside, a boundary. */
export const moment = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom(0, 1, -1, DAY, DAY + 1, -DAY) },
    { weight: 1, arbitrary: fc.integer({ min: -10 * DAY, max: 10 * DAY }) },
  )
  .map((ms) => instantFromMs(instantToMs(SCENE_TIME) + ms))

/** The JSON text in RFC 8785 form; null if a store would refuse the value. */
function canonicalizeText(text: string): CanonicalJson | null {
  const read = parseLosslessJson(text)
  const form = read.ok ? canonicalize(read.node) : null
  return form?.ok === true ? form.text : null
}
const canonicalTexts = (source: fc.Arbitrary<unknown>): fc.Arbitrary<CanonicalJson> =>
  source
    .map((value) => canonicalizeText(JSON.stringify(value)))
    .filter((text): text is CanonicalJson => text !== null)

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('', ' ', 'é', 'e\u0301', 'A', 'a', '😀', '__proto__', '"', '\\', '0', 'null'),
)
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e20, max: 1e20 }),
  fc.constantFrom(0, 1, 0.1, 0.30000000000000004, 9_007_199_254_740_991),
)
const leaf = fc.oneof(fc.boolean(), fc.constant(null), number, text)
/** Generators of canonical JSON texts (RFC 8785), by value type; objects are shallow. */
export const VALUES: Readonly<Record<ValueType, fc.Arbitrary<CanonicalJson>>> = {
  boolean: canonicalTexts(fc.boolean()),
  string: canonicalTexts(text),
  number: canonicalTexts(number),
  object: canonicalTexts(
    fc.dictionary(text, fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.constant({})), {
      maxKeys: 4,
    }),
  ),
}
