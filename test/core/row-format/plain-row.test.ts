import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalize } from '../../../src/core/json/canonical.ts'
import { isCanonicalText } from '../../../src/core/json/canonical-text.ts'
import { parseLosslessJson } from '../../../src/core/json/read.ts'
import { parseImportRow } from '../../../src/core/row-format/column-texts.ts'
import { parsePlainRow } from '../../../src/core/row-format/plain-row.ts'
import {
  compareRowLines,
  formatRowLine,
  parseRowLine,
  readLineKey,
} from '../../../src/core/row-format/row-line.ts'
import { decodeRow } from '../../../src/core/rows/decode-row.ts'
import { getRowKey, serializeRow, type TableName } from '../../../src/core/rows/rows.ts'
import { flagRow, instant, json, tenantRow, userRow } from '../builders.ts'
import { codePoint } from '../../support/code-point.ts'
import { examples } from '../../support/scale.ts'

const line = (table: TableName, row: Parameters<typeof serializeRow>[0]): string =>
  formatRowLine(table, serializeRow(row))
const tenant = (more: object = {}): string =>
  line('tenant_override', tenantRow({ ...more } as Parameters<typeof tenantRow>[0]))

describe('a line in plain form', () => {
  const full = {
    approval_ref: 'APP-100001-abcd',
    note: 'as agreed',
    expires_at: instant('2026-03-31T23:59:59.999Z'),
  }
  test.each([
    ['a boolean', { value: json('true') }],
    ['a negative number', { value: json('-12') }],
    ['a text', { value: json('"on"') }],
    ['an object', { value: json('{"a":[1,{"b":null}],"c":"é"}') }],
    ['every optional member', full],
  ])('%s', (_, more) => {
    const text = tenant(more)
    const row = parsePlainRow('tenant_override', text)
    expect(row?.key).toStrictEqual(getRowKey(tenantRow(more as Parameters<typeof tenantRow>[0])))
    expect(parseImportRow('tenant_override', text).ok).toBe(true)
  })

  test('a user override and a tombstone', () => {
    const { value: _, ...bare } = userRow()
    const gone = { ...bare, deleted_at: bare.updated_at }
    expect(parsePlainRow('user_override', line('user_override', userRow()))).not.toBeNull()
    const text = line('user_override', gone)
    expect(parsePlainRow('user_override', text)?.members['value']).toBeUndefined()
    const read = parseImportRow('user_override', text)
    expect(read.ok && read.row.values).toStrictEqual([null])
  })

  test.each([
    ['a flag', line('flag_registry', flagRow()), 'flag_registry'],
    ['another table', tenant(), 'user_override'],
    ['a second blank', tenant().replace('"row":', '"row": '), 'tenant_override'],
    ['a missing comma', tenant().replace(',"revision"', '"revision"'), 'tenant_override'],
    [
      'a day that does not exist',
      tenant({ expires_at: '2026-02-30T00:00:00.000Z' }),
      'tenant_override',
    ],
    ['a double', tenant({ value: '0.1' }), 'tenant_override'],
    ['minus zero', tenant({ value: '-0' }), 'tenant_override'],
    ['a number of many digits', tenant({ value: '1234567890123456' }), 'tenant_override'],
    ['an object out of order', tenant({ value: '{"b":1,"a":2}' }), 'tenant_override'],
    ['an object cut short', tenant({ value: '{"b":1,}' }), 'tenant_override'],
    ['no value, and no tombstone', tenant().replace(/,"value":[^}]*/, ''), 'tenant_override'],
    [
      'a tombstone with a value',
      tenant({ deleted_at: '2026-01-01T00:00:00.000Z' }),
      'tenant_override',
    ],
    [
      'a flag key that is too long',
      tenant({ flag_key: `ff.${'a'.repeat(126)}` }),
      'tenant_override',
    ],
    ['a very long line', tenant({ value: `"${'a'.repeat(9000)}"` }), 'tenant_override'],
  ] as const)('excludes: %s', (_, text, table) => {
    expect(parsePlainRow(table, text)).toBeNull()
  })

  test('is always a valid row', () => {
    const mostly = <T>(good: T, ...odd: readonly T[]): fc.Arbitrary<T> =>
      fc.oneof({ weight: 3, arbitrary: fc.constant(good) }, fc.constantFrom(...odd))
    const values = [
      '1',
      '-0',
      '"\\u0000"',
      '"\\ud800"',
      '{}',
      '[]',
      'null',
      '1.0',
      '1e3',
      '{"a":1,"a":2}',
    ]
    const objects = [
      '{"b":1,"a":1}',
      '{"a":"\\ud800"}',
      '{"a":1e2}',
      '{"é":"é"}',
      '{"a":9007199254740993}',
    ]
    const days = [
      '2026-02-29',
      '2024-02-29',
      '2026-04-31',
      '2026-12-31',
      '0000-01-01',
      '2026-13-01',
    ]
    const rows = fc.record({
      value: mostly('true', ...values, ...objects),
      created_at: mostly(
        '2026-01-31T00:00:00.000Z',
        ...days.map((day) => `${day}T00:00:00.000Z`),
        '2024-12-31T24:00:00.000Z',
        '2026-01-01T00:00:00.000000Z',
      ),
      tenant_id: mostly('T1', '-T', 'a b', '', 'T:1', 'ü', '"', '\\', 'a'.repeat(256)),
      flag_key: mostly('ff.a', 'ff.a..b', 'ff.A', 'ff.', 'ff.a-'),
      revision: mostly(1, 0, 1.5, 2 ** 53),
    })
    let plain = 0
    fc.assert(
      fc.property(rows, (more) => {
        const text = tenant(more)
        if (parsePlainRow('tenant_override', text) === null) return
        plain += 1
        const read = parseRowLine(text)
        expect(decodeRow('tenant_override', read?.node ?? null, 'stored').broken).toBeUndefined()
      }),
      examples(2_000),
    )
    expect(plain).toBeGreaterThan(5)
  })
})

describe('isCanonicalText', () => {
  test('agrees with canonicalize for every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.boolean(), (value, sorted) => {
        const text = JSON.stringify({ a: value })
        const read = parseLosslessJson(text)
        const form = read.ok ? canonicalize(read.node, { at: '', origin: 'stored' }) : null
        const candidate = sorted && form?.ok === true ? form.text : text
        if (isCanonicalText(candidate)) expect(form).toStrictEqual({ ok: true, text: candidate })
      }),
      examples(500),
    )
  })

  test.each([
    ['a lone surrogate', '{"a":"\\ud800"}'],
    ['U+0000', '{"a":"\\u0000"}'],
    ['an exponent', '{"a":1e+21}'],
    ['a repeated member', '{"a":1,"a":1}'],
    ['2^53+1', '{"a":9007199254740993}'],
    ['no JSON', '{"a"'],
    ['too deep', `${'{"a":'.repeat(60)}1${'}'.repeat(60)}`],
  ])('%s is left to the lossless parser', (_, text) => {
    expect(isCanonicalText(text)).toBe(false)
  })
})

describe('the order of lines', () => {
  const at = (
    scope_id: string | null,
    flag_key = 'ff.a',
    table: TableName = 'tenant_override',
  ) => ({
    table,
    key: { scope_id, flag_key },
  })
  test('is the byte order of UTF-8: U+FF61 precedes an emoji', () => {
    const order = (a: string, b: string): number => Math.sign(compareRowLines(at(a), at(b)))
    fc.assert(
      fc.property(fc.string({ unit: codePoint }), fc.string({ unit: codePoint }), (a, b) => {
        expect(order(a, b)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
    )
    expect(order('\uff61', '😀')).toBe(-1)
    expect(order('a', 'ab')).toBe(-1)
  })
  test('sorts by table, then scope, then flag', () => {
    expect(compareRowLines(at(null, 'ff.z', 'flag_registry'), at('a'))).toBeLessThan(0)
    const flag = (key: string) => at(null, key, 'flag_registry')
    expect(compareRowLines(flag('ff.b'), flag('ff.a'))).toBeGreaterThan(0)
    expect(compareRowLines(at('a', 'ff.b'), at('b', 'ff.a'))).toBeLessThan(0)
    expect(compareRowLines(at('a', 'ff.b'), at('a', 'ff.a'))).toBeGreaterThan(0)
  })
})

describe('the key of a line', () => {
  test.each([
    ['by the fast path for a plain line', tenant(), getRowKey(tenantRow())],
    [
      'by the lossless parser for any other line',
      formatRowLine('tenant_override', '{"flag_key":"x","tenant_id":"y"}'),
      { scope_id: 'y', flag_key: 'x' },
    ],
    [
      'without a scope for a flag',
      formatRowLine('flag_registry', '{"flag_key":"x"}'),
      { scope_id: null, flag_key: 'x' },
    ],
  ])('%s', (_, text, key) => {
    expect(readLineKey('tenant_override', text)?.key).toStrictEqual(key)
  })
  test.each([
    ['no JSON', '{'],
    ['no table', '{"row":{"flag_key":"x"}}'],
    ['an unknown table', '{"row":{"flag_key":"x"},"table":"audit"}'],
    ['no row', '{"table":"flag_registry"}'],
    ['no scope', '{"row":{"flag_key":"x"},"table":"user_override"}'],
    ['a scope that is not a text', '{"row":{"flag_key":"x","user_id":1},"table":"user_override"}'],
    ['a flag key that is not a text', '{"row":{"flag_key":1},"table":"flag_registry"}'],
    ['a list', '[]'],
    ['a text', '"x"'],
    ['null', 'null'],
  ])('%s is not a row', (_, text) => {
    expect(readLineKey('user_override', text)).toBeNull()
    expect(parseImportRow('user_override', text)).toMatchObject({ ok: false })
  })
})

describe('a row for import', () => {
  test('has the same text for each column on both paths', () => {
    const row = tenantRow({ value: json('"a\\"b"'), note: 'x\ty' })
    const read = parseImportRow('tenant_override', line('tenant_override', row))
    expect(read.ok && read.row.texts.slice(0, 5)).toStrictEqual([
      row.tenant_id,
      row.flag_key,
      '"a\\"b"',
      null,
      'x\ty',
    ])
    const flag = parseImportRow('flag_registry', line('flag_registry', flagRow()))
    expect(flag.ok && flag.row.values).toHaveLength(2)
    expect(
      parseImportRow('flag_registry', formatRowLine('flag_registry', '{"flag_key":"ff.a"}')).ok,
    ).toBe(false)
  })
  test('has no value for a tombstone that is not plain', () => {
    const { value: _, ...bare } = tenantRow()
    const gone = { ...bare, note: undefined, deleted_at: bare.updated_at, revision: 2 ** 52 }
    const { note: __, ...row } = gone
    const read = parseImportRow('tenant_override', line('tenant_override', row))
    expect(read.ok && read.row.values).toStrictEqual([null])
  })
})
