import { describe, expect, test } from 'vitest'
import {
  findDrift,
  buildCatalogue,
  formatColumn,
  type SchemaContract,
} from '../../../src/core/migrations/catalogue.ts'

describe('formatColumn', () => {
  test.each([
    ['a nullable column', 'text', true, null, 'text'],
    ['a column that is not nullable', 'text', false, null, 'text NOT NULL'],
    ['a column with a default', 'bigint', true, '1', 'bigint DEFAULT 1'],
    [
      'a column with a default that is not nullable',
      'bigint',
      false,
      '1',
      'bigint NOT NULL DEFAULT 1',
    ],
  ])('%s', (_situation, type, nullable, value, text) => {
    expect(formatColumn(type, nullable, value)).toBe(text)
  })
})

const CONTRACT: SchemaContract = {
  schema: { grants: { ff_ship: ['USAGE'], ff_app: ['USAGE'] } },
  domains: { flag_key: { type: 'text', checks: { flag_key_form: 'CHECK (a)' } } },
  functions: { refuse: { source_sha256: 'abc' } },
  tables: {
    audit: {
      columns: {
        seq: { type: 'bigint', nullable: false },
        sink_status: { type: 'text', nullable: false, default: "'pending'" },
      },
      constraints: { audit_pkey: 'PRIMARY KEY (seq)' },
      indexes: { audit_pkey: 'CREATE UNIQUE INDEX' },
      triggers: { audit_append: 'BEFORE UPDATE' },
      grants: { ff_ship: ['UPDATE(sink_status)', 'SELECT'], ff_app: ['INSERT'] },
    },
  },
}

describe('buildCatalogue', () => {
  test('has an entry for each object, and for the grants of existing roles', () => {
    expect([...buildCatalogue(CONTRACT, new Set(['ff_ship', 'postgres']))]).toEqual([
      ['schema, grants to ff_ship', 'USAGE'],
      ['domain flag_key', 'text'],
      ['domain flag_key, check flag_key_form', 'CHECK (a)'],
      ['function refuse', 'abc'],
      ['table audit', 'table'],
      ['table audit, column seq', 'bigint NOT NULL'],
      ['table audit, column sink_status', "text NOT NULL DEFAULT 'pending'"],
      ['table audit, constraint audit_pkey', 'PRIMARY KEY (seq)'],
      ['table audit, index audit_pkey', 'CREATE UNIQUE INDEX'],
      ['table audit, trigger audit_append', 'BEFORE UPDATE'],
      ['table audit, grants to ff_ship', 'SELECT, UPDATE(sink_status)'],
    ])
  })
})

describe('findDrift', () => {
  const expected = new Map([
    ['table b', 'table'],
    ['table a', 'table'],
    ['table a, column x', 'text'],
  ])
  test('finds nothing where both are equal in another order', () => {
    expect(findDrift(expected, new Map([...expected].reverse()))).toEqual([])
  })

  test('finds a missing, an unexpected and a differing object, by name', () => {
    const found = new Map([
      ['table c', 'table'],
      ['table a, column x', 'bytea'],
      ['table b', 'table'],
    ])
    expect(findDrift(expected, found)).toEqual([
      { object: 'table a', code: 'object_missing', expected: 'table', found: null },
      { object: 'table a, column x', code: 'object_differs', expected: 'text', found: 'bytea' },
      { object: 'table c', code: 'object_unexpected', expected: null, found: 'table' },
    ])
  })
})
