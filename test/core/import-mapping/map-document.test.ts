import { describe, expect, test } from 'vitest'
import { mapInSteps } from '../../../src/core/import-mapping/map-document.ts'
import type { ImportMapping, MemberRule } from '../../../src/core/import-mapping/types.ts'
import { node } from '../builders.ts'
import {
  flags,
  readAt,
  mapped,
  none,
  tenants,
  users,
  without,
  mapDocument,
  UNPACKED,
} from './mappings.ts'

describe('mapDocument', () => {
  test('returns rows in the order of a snapshot, whatever the order of the file', () => {
    const text = `{"flags":{"b":1,"a":true},"tenants":{"T2":{"a":{"v":false}},"T1":{"b":{"v":2},"a":{"v":true}}}}`
    const { keys, refused, lines } = mapped(text, { tenant_overrides: [tenants()] })
    expect(refused).toEqual([])
    expect(keys).toEqual([' ff.a', ' ff.b', 'T1 ff.a', 'T1 ff.b', 'T2 ff.a'])
    expect(lines[3]).toBe(
      '{"row":{"created_at":"2026-01-01T00:00:00.000Z","created_by":"U1","flag_key":"ff.b","revision":1,"tenant_id":"T1","updated_at":"2026-01-01T00:00:00.000Z","updated_by":"U1","value":2},"table":"tenant_override"}',
    )
  })

  test('reads the elements of a list, and escaped names', () => {
    const { keys, refused } = mapped('{"flags":{"a":1},"u/~s":[{"u":"U1","f":"ff.a","v":2}]}', {
      user_overrides: [{ ...users(), at: '/u~1~0s/*', members: without(users(), 'tenant_id') }],
    })
    expect([keys, refused]).toEqual([[' ff.a', 'U1 ff.a'], []])
  })

  test('lists every value that a row holds differently, with its place', () => {
    const text = `{"flags":{"a":{"x":1.0,"b":[-0,"1.0"]},"n":2.50},"tenants":{"T1":{"n":{"v":"many","until":null,"by":"U2"}}}}`
    const until: MemberRule = { from: '/until', map: [{ was: null }], as: 'unix_s' }
    const value: MemberRule = { from: '/v', map: [{ was: 'few' }, { was: 'many', becomes: 99 }] }
    const { changed, refused, lines } = mapped(text, {
      tenant_overrides: [
        tenants({
          value,
          expires_at: until,
          note: { from: '/why', default: 'none' },
          created_by: { from: '/by', map: [{ was: 'U2', becomes: 'U2' }] },
          updated_by: { from: '/by' },
        }),
      ],
    })
    expect(refused).toEqual([])
    expect(changed).toEqual([
      '/flags/a prefixed "a" > "ff.a"',
      '/flags/a members_sorted ["x","b"] > ["b","x"]',
      '/flags/a/x number_respelled 1.0 > 1',
      '/flags/a/b/0 number_respelled -0 > 0',
      '/flags/n prefixed "n" > "ff.n"',
      '/flags/n number_respelled 2.50 > 2.5',
      '/tenants/T1/n prefixed "n" > "ff.n"',
      '/tenants/T1/n/v mapped "many" > 99',
      '/tenants/T1/n/until left_out null > null',
      '/tenants/T1/n/why default_taken null > "none"',
    ])
    expect(lines[2]).toContain('"created_by":"U2"')
    expect(lines[2]).not.toContain('expires_at')
  })

  test.each<[string, string, Partial<ImportMapping>, readonly string[]]>([
    ['a document that is not an object', '7', {}, [' member_unmapped', '/flags place_missing']],
    ['flags that are a number', '{"flags":7}', {}, ['/flags member_unmapped']],
    ['an unmapped member', '{"flags":{},"x":{"y":1}}', {}, ['/x member_unmapped']],
    ['a missing place', '{}', {}, ['/flags place_missing']],
    [
      'a missing place without a wildcard',
      '{"flags":{}}',
      { user_overrides: [{ ...users(), at: '/users/list' }] },
      ['/users/list place_missing'],
    ],
    [
      'a member whose type alone is detected',
      '{"flags":{"a":{"t":1,"d":2}}}',
      { flags: [flags({ value_type: { from: '/t', as: 'type' }, ...readAt('/d') })] },
      ['/flags/a/t member_unmapped'],
    ],
    [
      'a name that no row holds',
      '{"flags":{"a":{"k":"ff.a","d":1}}}',
      { flags: [flags({ flag_key: { from: '/k' }, ...readAt('/d') })] },
      ['/flags/a name_unmapped'],
    ],
    [
      'a value that is a list',
      '{"flags":{"a":[]}}',
      {},
      ['/flags/a form_wrong', '/flags/a value_type_unsupported', '/flags/a value_type_unsupported'],
    ],
    ['a name that is not a flag key', '{"flags":{"A b":1}}', {}, ['/flags/A b form_wrong']],
    ['2^53+1', '{"flags":{"a":9007199254740993}}', {}, ['/flags/a number_not_canonical']],
    [
      '2^53+1 where the mapping has a map',
      '{"flags":{"a":9007199254740993}}',
      {
        flags: [
          flags({ default_value: { from: '', map: [{ was: 9007199254740992, becomes: 1 }] } }),
        ],
      },
      ['/flags/a number_not_canonical'],
    ],
    [
      'a repeated member',
      '{"flags":{"a":1,"a":2}}',
      {},
      ['/flags/a duplicate_member', '/flags/a row_repeated'],
    ],
    [
      'a repeated member within a value',
      '{"flags":{"a":{"x":1,"x":2}}}',
      {},
      ['/flags/a/x duplicate_member'],
    ],
    [
      'half a surrogate in a name',
      '{"flags":{"\\ud800":1}}',
      {},
      ['/flags/\ud800 lone_surrogate', '/flags/\ud800 form_wrong'],
    ],
    ['U+0000 in a value', '{"flags":{"a":"\\u0000"}}', {}, ['/flags/a nul_character']],
    [
      'a missing member',
      '{"flags":{"a":{}}}',
      { flags: [flags(readAt('/d'))] },
      ['/flags/a/d member_missing', '/flags/a/d member_missing', '/flags/a/d member_missing'],
    ],
    [
      'a row whose mapping has no owner',
      '{"flags":{"a":1}}',
      { flags: [{ at: '/flags/*', members: without(flags(), 'owner') }] },
      ['/flags/a member_missing'],
    ],
    [
      'a key of a missing wildcard',
      '{"flags":{"a":1}}',
      { flags: [flags({ owner: { key: 2 } })] },
      ['/flags/a member_missing'],
    ],
    [
      'an invalid constant of the mapping',
      '{"flags":{"a":1}}',
      { flags: [flags({ state: { const: 'on' }, revision: { const: 0 } })] },
      ['/flags/a form_wrong', '/flags/a form_wrong'],
    ],
    [
      'a prefix before a value that is not a text',
      '{"flags":{"a":1}}',
      { flags: [flags({ owner: { from: '', prefix: 'x' } })] },
      ['/flags/a type_wrong'],
    ],
    [
      'a time that would be rounded',
      '{"flags":{"a":{"d":1,"t":"2026-01-01T00:00:00.0001Z"}}}',
      { flags: [flags({ ...readAt('/d'), updated_at: { from: '/t', as: 'rfc3339' } })] },
      ['/flags/a/t time_not_convertible'],
    ],
    [
      'an override of a flag that the file lacks',
      '{"flags":{"a":1},"tenants":{"T1":{"b":{"v":1}}}}',
      { tenant_overrides: [tenants()] },
      ['/tenants/T1/b flag_unknown'],
    ],
    [
      'an override of another type than its flag',
      '{"flags":{"a":1},"tenants":{"T1":{"a":{"v":"1"}}}}',
      { tenant_overrides: [tenants()] },
      ['/tenants/T1/a/v value_type_mismatch'],
    ],
    [
      'a flag of another type than its values',
      '{"flags":{"a":1}}',
      { flags: [flags({ value_type: { const: 'string' } })] },
      ['/flags/a value_type_mismatch', '/flags/a value_type_mismatch'],
    ],
    [
      'an invalid flag, but not its override',
      '{"flags":{"a":1},"tenants":{"T1":{"a":{"v":"1"}}}}',
      { flags: [flags({ owner: { const: 7 } })], tenant_overrides: [tenants()] },
      ['/flags/a type_wrong'],
    ],
    [
      'two entries with one row key',
      '{"flags":{"a":1,"b":1}}',
      {
        flags: [flags({ flag_key: { key: 1, map: [{ was: 'b', becomes: 'a' }], prefix: 'ff.' } })],
      },
      ['/flags/b row_repeated'],
    ],
    [
      'a tombstone that has a value',
      '{"flags":{"a":1},"tenants":{"T1":{"a":{"v":1,"gone":"2026-01-01"}}}}',
      { tenant_overrides: [tenants({ deleted_at: { from: '/gone', as: 'date' } })] },
      ['/tenants/T1/a/v tombstone_not_bare'],
    ],
  ])('refuses %s', (_what, text, mapping, expected) => {
    expect(mapped(text, mapping).refused).toEqual(expected)
  })

  test('accepts a bare tombstone', () => {
    const { refused, lines } = mapped(
      '{"flags":{"a":1},"tenants":{"T1":{"a":{"gone":"2026-01-01"}}}}',
      { tenant_overrides: [tenants({ deleted_at: { from: '/gone', as: 'date' } })] },
    )
    expect(refused).toEqual([])
    expect(lines[1]).toContain('"deleted_at":"2026-01-01T00:00:00.000Z"')
  })

  test('counts ignored places without checking them', () => {
    const { ignored, refused } = mapped('{"flags":{"a":1},"x":[1,{"y":2,"y":3}],"z":{}}', {
      ignored: ['/x/*', '/z', '/nowhere'],
    })
    expect([ignored, refused]).toEqual([3, []])
  })

  test('still reads and checks mapped places within an ignored one', () => {
    const rules = [flags({ flag_key: { from: '/k' }, ...readAt('/d') })]
    const text = '{"flags":{"a":{"k":"ff.a","d":9007199254740993,"e":1e400,"g":{"h":1}},"b":7}}'
    const { ignored, refused } = mapped(text, { flags: rules, ignored: ['/flags/*'] })
    expect(refused).toEqual([
      '/flags/a/d number_not_canonical',
      '/flags/b/k member_missing',
      '/flags/b/d member_missing',
      '/flags/b/d member_missing',
      '/flags/b/d member_missing',
    ])
    expect(ignored).toBe(3)
  })

  test('pauses about every thousand places, in each pass', () => {
    const members = Array.from({ length: 1_000 }, (_, at) => `"k${at}":1`).join(',')
    const rule = flags({ owner: { from: '/team', up: 2 } })
    const steps = mapInSteps(node(`{"flags":{${members}},"team":"web"}`), {
      mapping: { ...none, flags: [rule] },
      accepted: new Set(),
      packing: UNPACKED,
    })
    const pauses: unknown[] = []
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) pauses.push(step.value)
    // Reads elsewhere, the survey, the rows, and the search for repeated ones.
    expect(pauses).toHaveLength(4)
    expect(step.value.rows.count).toBe(1_000)
  })

  test('keeps the first thousand refusals and changes, and counts them all', () => {
    const members = Array.from({ length: 1_500 }, (_, at) => `"k${at}":1`).join(',')
    const document = mapDocument(node(`{"flags":{${members}},"x":{${members}}}`), {
      ...none,
      flags: [flags()],
      ignored: ['/x/y'],
    })
    const { refusals, changes } = document
    expect([refusals.count, refusals.kept.length]).toEqual([1_500, 1_000])
    expect([changes.count, changes.kept.length]).toEqual([1_500, 1_000])
  })
})

test('each constant is counted over the rows of all rules that give it, and a rule without rows gives none', () => {
  const sensitive = { sensitive: { const: false, note: 'not in the file' } }
  const { constants } = mapped('{"flags":{"a":1,"b":2},"more":{"c":3},"none":{}}', {
    flags: [
      flags(sensitive),
      flags({ ...sensitive, owner: { const: 'other' } }, '/more/*'),
      flags({ owner: { const: 'third' } }, '/none/*'),
    ],
  })
  const of = (name: string) => constants.filter(({ member }) => member === name)
  const table = 'flag_registry'
  expect(of('sensitive')).toEqual([
    { table, member: 'sensitive', value: 'false', note: 'not in the file', rows: 3 },
  ])
  expect(of('owner')).toEqual([
    { table, member: 'owner', value: '"platform"', note: null, rows: 2 },
    { table, member: 'owner', value: '"other"', note: null, rows: 1 },
  ])
  expect(of('flag_key')).toEqual([])
})
