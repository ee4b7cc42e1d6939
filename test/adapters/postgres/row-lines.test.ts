import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineBuffer } from '../../../src/adapters/postgres/rows/line-buffer.ts'
import { InstantWriter } from '../../../src/adapters/postgres/rows/write-instant.ts'
import { writeTree } from '../../../src/adapters/postgres/rows/write-tree.ts'
import { canonicalize } from '../../../src/core/json/canonical.ts'
import { parseLosslessJson } from '../../../src/core/json/read.ts'

function instant(microseconds: bigint): { readonly text: string; readonly sure: boolean } {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(microseconds)
  const out = new LineBuffer()
  const sure = new InstantWriter().write(out, bytes.readInt32BE(0), bytes.readUInt32BE(4))
  return { text: out.bytes.toString('latin1', 0, out.at), sure }
}
const EPOCH = 946_684_800_000n

describe('a time of the binary protocol', () => {
  test('is written as Date writes it, plus the microseconds', () => {
    const [first, last] = [-62_135_596_800_000n, 253_402_300_799_999n]
    fc.assert(
      fc.property(
        fc.bigInt({ min: first, max: last }),
        fc.integer({ min: 0, max: 999 }),
        (ms, us) => {
          const { text, sure } = instant((ms - EPOCH) * 1000n + BigInt(us))
          const iso = new Date(Number(ms)).toISOString().slice(0, -1)
          expect(text).toBe(`"${iso}${us === 0 ? '' : String(us).padStart(3, '0')}Z"`)
          expect(sure).toBe(us === 0)
        },
      ),
    )
  })
  test.each([
    ['infinity', 2n ** 63n - 1n, '"infinity"'],
    ['minus infinity', -(2n ** 63n), '"-infinity"'],
    ['the year 10000', (253_402_300_800_000n - EPOCH) * 1000n, '"+010000-01-01T00:00:00.000Z"'],
    ['a year past Date', 9_223_371_331_199_000_000n, '"+294276-12-31T23:59:59.000Z"'],
    ['the year 0', (-62_135_596_800_001n - EPOCH) * 1000n, '"0000-12-31T23:59:59.999Z"'],
  ])('%s is no instant of a row schema', (_, microseconds, text) => {
    expect(instant(microseconds)).toStrictEqual({ text, sure: false })
  })
})

/** Prints as `jsonb` does: members by length and then bytes, a blank after each comma and colon. */
function printed(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(printed).join(', ')}]`
  const members = Object.entries(value).sort(
    ([a], [b]) =>
      Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  return `{${members.map(([name, held]) => `${JSON.stringify(name)}: ${printed(held)}`).join(', ')}}`
}

describe('an object as jsonb prints it', () => {
  test('is written in RFC 8785 form, or not at all', () => {
    const key = fc.oneof(
      fc.constantFrom('a', 'b', 'ab', 'ba', 'B', '', '10', '9', 'é', '"'),
      fc.string({ maxLength: 3 }),
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('list'), tie('object')),
      leaf: fc.oneof(
        fc.boolean(),
        fc.constant(null),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.string(),
        fc.constantFrom(', ', '": ', '{}', '\\'),
      ),
      list: fc.array(tie('tree'), { maxLength: 4 }),
      object: fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    }))
    let written = 0
    fc.assert(
      fc.property(fc.dictionary(key, tree, { maxKeys: 5 }), (value) => {
        const text = printed(value)
        const data = Buffer.from(`xx${text}yy`)
        const out = new LineBuffer()
        out.writeText('start')
        const done = writeTree(out, data, [2, data.length - 2])
        const found = out.bytes.toString('utf8', 0, out.at)
        if (!done) expect(found).toBe('start')
        if (!done) return
        written += 1
        const read = parseLosslessJson(text)
        const form = read.ok ? canonicalize(read.node, { at: '', origin: 'stored' }) : null
        expect(form).toStrictEqual({ ok: true, text: found.slice(5) })
      }),
      { numRuns: 1_000 },
    )
    expect(written).toBeGreaterThan(200)
  })

  test.each([
    '{"a": 1}',
    '{"a": "x, y", "b": [true, null, {"c": -5}]}',
    '{}',
    '{"a": []}',
    '{"a": "é"}',
  ])('ASCII is written without the parser, other text is not: %s', (text) => {
    const data = Buffer.from(text)
    const done = writeTree(new LineBuffer(), data, [0, data.length])
    expect(done).toBe(text !== '{"a": "é"}')
  })
})
