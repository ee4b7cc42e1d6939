import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type JsonNode, parseLosslessJson } from '../../../src/core/json/read.ts'
import { compareJson } from '../../../src/core/parity/compare.ts'
import { findHazards } from '../../../src/core/preflight/hazards.ts'
import { codePoint } from '../../support/code-point.ts'
import { connect } from '../../support/database.ts'

const toNode = (text: string): JsonNode => {
  const read = parseLosslessJson(text)
  if (!read.ok) throw new Error(`${text} is no JSON: ${read.code}`)
  return read.node
}
const same = (left: string, right: string): boolean =>
  compareJson(toNode(left), toNode(right)).differences.length === 0

/** JSON as text, not serialized from values: it includes forms that JSON.stringify never writes. */
const number = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom('1.0', '-0', '-0.0', '1e2', '1E-7', '9007199254740993', '1e400', '0.1', '1.10'),
  fc.tuple(fc.bigInt(), fc.nat(99)).map(([whole, part]) => `${whole}.${part}`),
)
const unicode = fc.oneof(
  fc.string({ unit: codePoint, maxLength: 6 }),
  fc.string({ maxLength: 6 }),
  fc.constantFrom('a\u0000', '\ud800', 'é', 'e\u0301', '😀', '__proto__', 'constructor', ''),
)
const text = unicode.map((one) => JSON.stringify(one))
const { tree } = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    number,
    text,
    fc.constantFrom('true', 'false', 'null'),
    fc.array(tie('tree'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    fc
      .array(fc.tuple(text, tie('tree')), { maxLength: 4 })
      .map((members) => `{${members.map((pair) => pair.join(':')).join(',')}}`),
  ),
}))

describe.each(['15', '18'] as const)('on PostgreSQL %s', (version) => {
  let sql: pg.Client
  beforeAll(async () => {
    sql = await connect(version)
  })
  afterAll(() => sql.end())

  /** The text after a round trip through jsonb; null if the server refuses it. */
  async function throughJsonb(json: string): Promise<string | null> {
    try {
      const { rows } = await sql.query<{ back: string }>('SELECT $1::text::jsonb::text AS back', [
        json,
      ])
      return rows[0]?.back ?? null
    } catch {
      return null // The server refused it, for any reason.
    }
  }

  test('JSON without a hazard survives jsonb and JSON.parse unchanged', async () => {
    let clean = 0
    await fc.assert(
      fc.asyncProperty(tree, async (json) => {
        const node = toNode(json)
        if (findHazards(node).length > 0) return
        clean += 1
        const back = await throughJsonb(json)
        expect(back, json).not.toBeNull()
        expect(same(json, back ?? ''), json).toBe(true)
        expect(same(json, JSON.stringify(JSON.parse(json))), json).toBe(true)
      }),
      { numRuns: 1_500 },
    )
    expect(clean).toBeGreaterThan(200)
  })

  test.each([
    ['{"a":1,"a":2}'],
    ['["\\u0000"]'],
    ['["\\ud800"]'],
    ['[9007199254740993]'],
    ['[1e400]'],
    ['[0.1234567890123456789]'],
    ['[1e2]'],
    ['[1.0]'],
    ['[-0]'],
  ])('%s has a hazard, and jsonb or JSON.parse changes it', async (json) => {
    expect(findHazards(toNode(json))).not.toEqual([])
    const back = await throughJsonb(json)
    const kept = back !== null && same(json, back) && same(json, JSON.stringify(JSON.parse(json)))
    expect(kept).toBe(false)
  })

  test.each([
    ['2026-01-15T09:00:00.123456Z'],
    ['2026-01-15T09:00:00+05:30'],
    ['2026-01-15 09:00:00'],
    ['2016-12-31T23:59:60Z'],
    ['2026-01-15T24:00:00Z'],
    ['10000-01-01T00:00:00Z'],
    ['0000-01-01T00:00:00Z'],
  ])('the time %s has a hazard, and timestamptz changes it', async (time) => {
    expect(findHazards(time)).not.toEqual([])
    const asked = `SELECT to_char($1::text::timestamptz(3) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS back`
    const back = await sql.query<{ back: string }>(asked, [time]).then(
      ({ rows }) => rows[0]?.back,
      () => null,
    )
    expect(back).not.toBe(time)
  })
})
