import { expect, test } from 'vitest'
import { RowCopy } from '../../../src/features/serve/row-copy.ts'
import { getRowKey } from '../../../src/core/rows/rows.ts'
import type { AnyRow, TableName } from '../../../src/core/rows/rows.ts'
import {
  broken,
  FLAG,
  flagRow,
  json,
  TENANT,
  tenantRow,
  USER,
  userRow,
} from '../../core/builders.ts'

const QUERY = { flag_key: FLAG, tenant_id: TENANT, user_id: USER }
const put = (copy: RowCopy, table: TableName, row: AnyRow): void =>
  copy.put(table, getRowKey(row), { row })
const fill = (): RowCopy => {
  const copy = new RowCopy()
  put(copy, 'flag_registry', flagRow())
  put(copy, 'tenant_override', tenantRow())
  put(copy, 'user_override', userRow())
  return copy
}

test('returns the rows as they were put, of this flag, tenant and user alone', () => {
  const copy = fill()
  expect(copy.read(QUERY)).toEqual({
    flag: { row: flagRow() },
    tenant: { row: tenantRow() },
    user: { row: userRow() },
  })
  expect(copy.read({ ...QUERY, tenant_id: null, user_id: 'U2' })).toEqual({
    flag: { row: flagRow() },
    tenant: null,
    user: null,
  })
  expect(copy.read({ ...QUERY, flag_key: 'ff.other' }).flag).toBeNull()
})

test('keeps numbers and member names of a value to the last digit', () => {
  const copy = new RowCopy()
  const value = json('{"10":1,"9":0.1,"__proto__":1234567890123}')
  const row = flagRow({ value_type: 'object', default_value: value, safe_value: json('{}') })
  put(copy, 'flag_registry', row)
  expect(copy.read(QUERY).flag).toEqual({ row })
})

test('an older revision does not replace a newer one; a broken row replaces any', () => {
  const copy = new RowCopy()
  put(copy, 'flag_registry', flagRow({ revision: 5, state: 'killed' }))
  put(copy, 'flag_registry', flagRow({ revision: 4 }))
  expect(copy.read(QUERY).flag?.row).toMatchObject({ revision: 5, state: 'killed' })
  copy.put('flag_registry', { scope_id: null, flag_key: FLAG }, broken)
  expect(copy.read(QUERY).flag?.broken).toHaveLength(1)
})

test('lists flags by key, also those that came later', () => {
  const copy = new RowCopy()
  for (const flag_key of ['ff.b', 'ff.a-b', 'ff.a'])
    put(copy, 'flag_registry', flagRow({ flag_key }))
  const page = (after: string | null, limit = 9): readonly string[] =>
    copy.page({ after, limit }).map(({ flag_key }) => flag_key)
  expect(page(null)).toEqual(['ff.a', 'ff.a-b', 'ff.b'])
  put(copy, 'flag_registry', flagRow({ flag_key: 'ff.a.c' }))
  expect(page('ff.a', 2)).toEqual(['ff.a-b', 'ff.a.c'])
  expect(page('ff.b')).toEqual([])
})

test('counts its memory: a row that is replaced counts once', () => {
  const copy = fill()
  const { bytes } = copy
  expect(bytes).toBeGreaterThan(1_000)
  put(copy, 'flag_registry', flagRow({ revision: flagRow().revision }))
  expect(copy.bytes).toBe(bytes)
  put(copy, 'flag_registry', flagRow({ description: 'x'.repeat(100) }))
  expect(copy.bytes).toBeGreaterThan(bytes)
})
