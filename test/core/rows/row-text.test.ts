import { describe, expect, test } from 'vitest'
import { decodeRow } from '../../../src/core/rows/decode-row.ts'
import { serializeRow } from '../../../src/core/rows/rows.ts'
import {
  flagRow,
  fromNow,
  json,
  node,
  REF,
  tenantRow,
  userRow,
  userTombstone,
} from '../builders.ts'

const full = { approval_ref: REF, note: 'Über "alles" 😀', expires_at: fromNow(1) }

describe('serializeRow', () => {
  test.each([
    ['a flag', 'flag_registry', flagRow({ default_value: json('"é\\n"'), description: '\u0001' })],
    ['a bare tenant override', 'tenant_override', tenantRow()],
    ['a full tenant override', 'tenant_override', tenantRow(full)],
    [
      'a user override with an object',
      'user_override',
      userRow({ value: json('{"b":1,"a":[2]}') }),
    ],
    ['a tombstone', 'user_override', userTombstone()],
  ] as const)('%s is canonical JSON and decodes to the same row', (_situation, table, row) => {
    const text = serializeRow(row)
    expect(json(text)).toBe(text)
    expect(decodeRow(table, node(text))).toEqual({ row })
  })

  test('writes values as JSON, not as a text of JSON', () => {
    expect(JSON.parse(serializeRow(userRow({ value: json('{"on":true}') })))).toHaveProperty(
      'value',
      {
        on: true,
      },
    )
  })

  test('the seal replaces each flag value, and nothing else', () => {
    const seal = (value: string): string => JSON.stringify({ sealed: value.length })
    const open = { ...flagRow(), default_value: { sealed: 9 }, safe_value: { sealed: 6 } }
    expect(JSON.parse(serializeRow(flagRow(), seal))).toEqual(open)
    expect(JSON.parse(serializeRow(tenantRow(full), seal))).toEqual({
      ...tenantRow(full),
      value: { sealed: 8 },
    })
  })
})
