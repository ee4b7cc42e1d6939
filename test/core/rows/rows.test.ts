import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { getRowKey, formatRowKey, detectValueType } from '../../../src/core/rows/rows.ts'
import { FLAG, flagRow, json, TENANT, tenantRow, USER, userRow } from '../builders.ts'

describe('detectValueType', () => {
  test.each([
    ['true', 'boolean'],
    ['false', 'boolean'],
    ['""', 'string'],
    ['"true"', 'string'],
    ['0', 'number'],
    ['-1.5', 'number'],
    ['{}', 'object'],
    ['null', null],
    ['[]', null],
    ['[{}]', null],
  ])('%s is of type %s', (text, type) => {
    expect(detectValueType(json(text))).toBe(type)
  })
})

describe('the key of a row', () => {
  test.each([
    ['a flag', flagRow(), { scope_id: null, flag_key: FLAG }],
    ['a tenant override', tenantRow(), { scope_id: TENANT, flag_key: FLAG }],
    ['a user override', userRow(), { scope_id: USER, flag_key: FLAG }],
  ])('%s', (_situation, row, key) => {
    expect(getRowKey(row)).toEqual(key)
  })

  test('only equal keys have the same text', () => {
    const scope = fc.option(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,4}$/), { nil: null })
    const key = fc.record({
      scope_id: scope,
      flag_key: fc.stringMatching(/^ff\.[a-c]([._-][a-c]){0,2}$/),
    })
    fc.assert(
      fc.property(key, key, (a, b) => {
        const same = a.scope_id === b.scope_id && a.flag_key === b.flag_key
        expect(formatRowKey(a) === formatRowKey(b)).toBe(same)
        expect(formatRowKey(a)).toBe(formatRowKey({ ...a }))
      }),
    )
  })
})
