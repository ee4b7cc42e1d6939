import { describe, expect, test } from 'vitest'
import { formatRowBody, parseRowBody } from '../../../src/core/cache/row-body.ts'
import { getRowKey } from '../../../src/core/rows/rows.ts'
import { broken, FLAG, fit, flagRow, json, tenantRow, userTombstone } from '../builders.ts'

const KEY = { scope_id: null, flag_key: FLAG }

describe('a row', () => {
  test.each([
    ['flag_registry', flagRow({ default_value: json('{"2":0.1,"1":"\\u2028"}') })],
    ['tenant_override', tenantRow()],
    ['user_override', userTombstone()],
  ] as const)('of %s is read back without loss', (table, row) => {
    const body = formatRowBody(fit(row)) as string
    expect(parseRowBody(table, getRowKey(row), body)).toEqual({ row })
  })
  test('that is not there is a body too', () => {
    expect(parseRowBody('flag_registry', KEY, formatRowBody(null) as string)).toBeNull()
  })
  test('that is broken has no body', () => {
    expect(formatRowBody(broken)).toBeUndefined()
  })
})

test.each([
  ['no JSON', '{'],
  ['no row', '[]'],
  ['a row that breaks its schema', '{"flag_key":"ff.x"}'],
  ['the row of another flag', formatRowBody(fit(flagRow({ flag_key: 'ff.other' }))) as string],
])('a body of %s is no row', (_what, body) => {
  expect(parseRowBody('flag_registry', KEY, body)).toBeUndefined()
})
