import { expect, test } from 'vitest'
import { serializeRows } from '../../../src/core/parity/harness-scene.ts'
import { flagRow, json, tenantRow, userRow } from '../builders.ts'

test('rows are serialized as stored, without changing numbers', () => {
  const state = {
    flag_registry: [
      flagRow(),
      flagRow({ flag_key: 'ff.n', default_value: json('9007199254740991') }),
    ],
    tenant_override: [tenantRow()],
    user_override: [userRow()],
  }
  const text = serializeRows(state)
  expect(text).toContain('"default_value":9007199254740991')
  expect(Object.keys(JSON.parse(text) as object)).toEqual([
    'flags',
    'tenant_overrides',
    'user_overrides',
  ])
})
