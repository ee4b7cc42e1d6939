import { describe, expect, test } from 'vitest'
import { decodeRow } from '../../../src/core/rows/decode-row.ts'
import { MAX_TEXT_BYTES, MAX_VALUE_BYTES, MAX_VALUE_DEPTH } from '../../../src/core/rows/grammar.ts'
import type { TableName } from '../../../src/core/rows/rows.ts'
import { json, node } from '../builders.ts'

const FLAG = {
  flag_key: 'ff.a',
  value_type: 'number',
  default_value: 1,
  safe_value: 0,
  sensitive: true,
  required_auth: 'verified',
  state: 'killed',
  description: '',
  owner: 'team',
  revision: 1,
  created_at: '2026-01-15T09:00:00.000Z',
  updated_at: '2026-01-15T09:00:00.000Z',
}
const OVERRIDE = {
  flag_key: 'ff.a',
  value: true,
  created_by: 'ops.alice',
  updated_by: 'ops.bob',
  revision: 2,
  created_at: '2026-01-15T09:00:00.000Z',
  updated_at: '2026-01-15T09:00:00.000Z',
}
const BASE: Readonly<Record<TableName, object>> = {
  flag_registry: FLAG,
  tenant_override: { tenant_id: 'T-1', ...OVERRIDE },
  user_override: { user_id: 'U1', ...OVERRIDE },
}
/** The text of a row: the base with members replaced by JSON texts, or removed by undefined. */
function toRow(table: TableName, changes: Readonly<Record<string, string | undefined>>): string {
  const texts = Object.fromEntries(
    Object.entries(BASE[table]).map(([name, value]) => [name, JSON.stringify(value)]),
  )
  const members = Object.entries({ ...texts, ...changes }).filter(([, text]) => text !== undefined)
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`
}
const decode = (table: TableName, changes: Readonly<Record<string, string | undefined>>) =>
  decodeRow(table, node(toRow(table, changes)))

describe('a valid row', () => {
  test.each([
    ['a flag', 'flag_registry', {}, { ...FLAG, default_value: json('1'), safe_value: json('0') }],
    [
      'a flag with the default 1.0',
      'flag_registry',
      { default_value: '1.0' },
      { ...FLAG, default_value: '1', safe_value: '0' },
    ],
    ['a tenant override', 'tenant_override', {}, { tenant_id: 'T-1', ...OVERRIDE, value: 'true' }],
    [
      'a user override with every optional member, its object in canonical order',
      'user_override',
      {
        value: '{"b":-0,"a":"\\u0041"}',
        approval_ref: '"APP-1-a"',
        note: '"why"',
        expires_at: '"2026-01-16T00:00:00.000Z"',
      },
      {
        user_id: 'U1',
        ...OVERRIDE,
        value: '{"a":"A","b":0}',
        approval_ref: 'APP-1-a',
        note: 'why',
        expires_at: '2026-01-16T00:00:00.000Z',
      },
    ],
    [
      'an override with the largest revision',
      'user_override',
      { revision: '9007199254740991' },
      { user_id: 'U1', ...OVERRIDE, value: 'true', revision: 9007199254740991 },
    ],
  ] as const)('%s', (_situation, table, changes, row) => {
    expect(decode(table, changes)).toEqual({ row })
  })

  test('a tombstone has no value', () => {
    const { value: _, ...bare } = OVERRIDE
    const deleted_at = '2026-01-15T10:00:00.000Z'
    expect(
      decode('tenant_override', { value: undefined, deleted_at: JSON.stringify(deleted_at) }),
    ).toEqual({ row: { tenant_id: 'T-1', ...bare, deleted_at } })
  })

  test.each([
    ['a value', 'tenant_override', 'value', `"${'x'.repeat(MAX_VALUE_BYTES - 2)}"`],
    ['a note', 'tenant_override', 'note', `"${'é'.repeat(MAX_TEXT_BYTES / 2)}"`],
    ['a description', 'flag_registry', 'description', `"${'x'.repeat(MAX_TEXT_BYTES)}"`],
  ] as const)('%s of the largest size', (_situation, table, name, text) => {
    expect(decode(table, { [name]: text }).broken).toBeUndefined()
  })
})

describe('an invalid row', () => {
  test.each([
    ['null instead of an object', 'null'],
    ['a text instead of an object', '"{}"'],
    ['a list instead of an object', '[]'],
    ['a number instead of an object', '1'],
  ])('%s', (_situation, text) => {
    expect(decodeRow('flag_registry', node(text))).toEqual({
      broken: [{ code: 'type_wrong', pointer: '' }],
    })
  })

  test.each([
    ['a key that is a number', 'flag_registry', 'flag_key', '1', 'type_wrong'],
    ['a key with a capital', 'flag_registry', 'flag_key', '"ff.A"', 'form_wrong'],
    ['a type that does not exist', 'flag_registry', 'value_type', '"array"', 'form_wrong'],
    ['a default of null', 'flag_registry', 'default_value', 'null', 'value_type_unsupported'],
    ['a list as the safe value', 'flag_registry', 'safe_value', '[1]', 'value_type_unsupported'],
    ['2^53+1', 'flag_registry', 'default_value', '9007199254740993', 'number_not_canonical'],
    ['1e400', 'flag_registry', 'default_value', '1e400', 'number_not_canonical'],
    ['1e-7', 'flag_registry', 'default_value', '1e-7', 'number_not_canonical'],
    ['1e21', 'flag_registry', 'default_value', '1e21', 'number_not_canonical'],
    ['1 instead of a boolean', 'flag_registry', 'sensitive', '1', 'type_wrong'],
    ['a text instead of a boolean', 'flag_registry', 'sensitive', '"true"', 'type_wrong'],
    ['an unknown required_auth', 'flag_registry', 'required_auth', '"jwt"', 'form_wrong'],
    ['null as required_auth', 'flag_registry', 'required_auth', 'null', 'type_wrong'],
    ['a state that does not exist', 'flag_registry', 'state', '"Active"', 'form_wrong'],
    ['a description that is a list', 'flag_registry', 'description', '[]', 'type_wrong'],
    ['a NUL in the description', 'flag_registry', 'description', '"\\u0000"', 'nul_character'],
    ['a lone surrogate in the owner', 'flag_registry', 'owner', '"\\ud800"', 'lone_surrogate'],
    [
      'a description a byte too long, in fewer characters',
      'flag_registry',
      'description',
      `"${'é'.repeat(MAX_TEXT_BYTES / 2)}x"`,
      'text_too_long',
    ],
    ['a revision of 0', 'flag_registry', 'revision', '0', 'form_wrong'],
    ['a revision below 0', 'flag_registry', 'revision', '-1', 'form_wrong'],
    ['a fraction as revision', 'flag_registry', 'revision', '1.5', 'form_wrong'],
    [
      'a revision beyond the safe integers',
      'flag_registry',
      'revision',
      '9007199254740992',
      'form_wrong',
    ],
    [
      'a revision of very many digits',
      'flag_registry',
      'revision',
      '12345678901234567',
      'form_wrong',
    ],
    ['a revision that is a text', 'flag_registry', 'revision', '"1"', 'type_wrong'],
    ['a revision that is null', 'flag_registry', 'revision', 'null', 'type_wrong'],
    ['a revision that is a list', 'flag_registry', 'revision', '[1]', 'type_wrong'],
    [
      'a time in microseconds',
      'flag_registry',
      'created_at',
      '"2026-01-15T09:00:00.000001Z"',
      'time_not_canonical',
    ],
    ['a time that is a number', 'flag_registry', 'updated_at', '1768467600', 'type_wrong'],
    ['a tenant beyond ASCII', 'tenant_override', 'tenant_id', '"é"', 'form_wrong'],
    ['a user with a space', 'user_override', 'user_id', '"a b"', 'form_wrong'],
    ['a value of null', 'tenant_override', 'value', 'null', 'value_type_unsupported'],
    ['an empty list as value', 'tenant_override', 'value', '[]', 'value_type_unsupported'],
    [
      'a value a byte too long',
      'tenant_override',
      'value',
      `"${'x'.repeat(MAX_VALUE_BYTES - 1)}"`,
      'value_too_large',
    ],
    ['a note of null', 'tenant_override', 'note', 'null', 'type_wrong'],
    ['an expiry of null', 'tenant_override', 'expires_at', 'null', 'type_wrong'],
    ['a ref of null', 'tenant_override', 'approval_ref', 'null', 'type_wrong'],
    ['a ref of another form', 'tenant_override', 'approval_ref', '"APP-x-1"', 'form_wrong'],
    ['an empty created_by', 'user_override', 'created_by', '""', 'form_wrong'],
    ['an unknown member', 'user_override', 'tenant_id', '"T-1"', 'member_unknown'],
    [
      'a tombstone of a flag',
      'flag_registry',
      'deleted_at',
      '"2026-01-15T09:00:00.000Z"',
      'member_unknown',
    ],
    ['a member of the prototype', 'user_override', 'constructor', '1', 'member_unknown'],
    ['a member called __proto__', 'user_override', '__proto__', '{}', 'member_unknown'],
  ] as const)('%s', (_situation, table, name, text, code) => {
    expect(decode(table, { [name]: undefined, ...Object.fromEntries([[name, text]]) })).toEqual({
      broken: [{ code, pointer: `/${name}` }],
    })
  })

  test.each([
    ['a place within a value', '{"a":[0,1e21]}', [['number_not_canonical', '/value/a/1']]],
    ['a member repeated within a value', '{"a":1,"a":1}', [['duplicate_member', '/value/a']]],
    [
      'two places within a value',
      '["\\u0000","\\udc00"]',
      [
        ['nul_character', '/value/0'],
        ['lone_surrogate', '/value/1'],
      ],
    ],
  ] as const)('%s', (_situation, text, problems) => {
    expect(decode('tenant_override', { value: text })).toEqual({
      broken: problems.map(([code, pointer]) => ({ code, pointer })),
    })
  })

  test('a default of 1.0 is a fault as stored, but not as submitted', () => {
    const row = node(toRow('flag_registry', { default_value: '1.0' }))
    expect(decodeRow('flag_registry', row, 'submitted').broken).toBeUndefined()
    expect(decodeRow('flag_registry', row, 'stored')).toEqual({
      broken: [{ code: 'number_not_canonical', pointer: '/default_value' }],
    })
  })

  test('an unknown member whose name a pointer must escape', () => {
    expect(decode('tenant_override', { 'a/b~c': '1' })).toEqual({
      broken: [{ code: 'member_unknown', pointer: '/a~1b~0c' }],
    })
  })

  test.each([
    ['with the same text', '"ff.a"'],
    ['with another text', '"ff.b"'],
  ])('a repeated member %s', (_situation, text) => {
    const row = toRow('tenant_override', {}).replace('{', `{"flag_key":${text},`)
    expect(decodeRow('tenant_override', node(row))).toEqual({
      broken: [{ code: 'duplicate_member', pointer: '/flag_key' }],
    })
  })

  test('a live override without a value', () => {
    expect(decode('user_override', { value: undefined })).toEqual({
      broken: [{ code: 'member_missing', pointer: '/value' }],
    })
  })

  test('a tombstone that keeps value, ref, note and expiry', () => {
    const held = {
      approval_ref: '"APP-1-a"',
      note: '""',
      expires_at: '"2026-01-15T09:00:00.000Z"',
      deleted_at: '"2026-01-15T09:00:00.000Z"',
    }
    expect(decode('user_override', held)).toEqual({
      broken: ['/value', '/approval_ref', '/note', '/expires_at'].map((pointer) => ({
        code: 'tombstone_not_bare',
        pointer,
      })),
    })
  })

  test('an empty object, with every missing member', () => {
    expect(Object.keys(FLAG)).toHaveLength(12)
    expect(decodeRow('flag_registry', node('{}'))).toEqual({
      broken: Object.keys(FLAG).map((name) => ({ code: 'member_missing', pointer: `/${name}` })),
    })
  })

  test.each([
    ['objects', '{"a":', '}'],
    ['arrays below one object', '[', ']'],
  ])('nested %s are accepted down to the limit, and no further', (_what, open, close) => {
    const nested = (levels: number): string =>
      `{"a":${open.repeat(levels - 1)}${open === '[' ? '' : '1'}${close.repeat(levels - 1)}}`
    expect(decode('tenant_override', { value: nested(MAX_VALUE_DEPTH) })).toHaveProperty('row')
    expect(decode('tenant_override', { value: nested(MAX_VALUE_DEPTH + 1) })).toEqual({
      broken: [{ code: 'json_too_deep', pointer: '/value' }],
    })
  })

  test('every fault is reported at once', () => {
    const stored = decode('tenant_override', {
      tenant_id: '""',
      value: '[]',
      note: '1',
      revision: undefined,
      more: 'null',
    })
    expect(stored).toEqual({
      broken: [
        { code: 'form_wrong', pointer: '/tenant_id' },
        { code: 'value_type_unsupported', pointer: '/value' },
        { code: 'type_wrong', pointer: '/note' },
        { code: 'member_unknown', pointer: '/more' },
        { code: 'member_missing', pointer: '/revision' },
      ],
    })
  })
})
