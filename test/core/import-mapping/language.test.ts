import { describe, expect, test } from 'vitest'
import type {
  EntryCondition,
  EntryRule,
  ImportMapping,
  MemberRule,
} from '../../../src/core/import-mapping/types.ts'
import { flags, readAt, mapped, tenants, users, without } from './mappings.ts'

/** Overrides of both scopes in one list. */
const SCOPED = `{"flags":{"a":true},"overrides":[
  {"scope":"tenant","id":42,"flag":"a","value":false},
  {"scope":"user","id":42,"flag":"a","value":true}]}`
const entry: Readonly<Record<string, MemberRule>> = {
  flag_key: { from: '/flag', prefix: 'ff.' },
  value: { from: '/value' },
}
const scoped = (scope: 'tenant' | 'user', where?: readonly EntryCondition[]): EntryRule => ({
  at: '/overrides/*',
  ...(where === undefined ? {} : { where }),
  members: {
    ...without(tenants(), 'tenant_id'),
    ...entry,
    [`${scope}_id`]: { from: '/id', as: 'text' },
  },
})
const is = (equals: unknown): readonly EntryCondition[] => [{ from: '/scope', equals }]

describe('entries of two kinds in one list', () => {
  test('go to the rule whose condition holds', () => {
    const { keys, refused, changed } = mapped(SCOPED, {
      tenant_overrides: [scoped('tenant', is('tenant'))],
      user_overrides: [scoped('user', is('user'))],
    })
    expect(refused).toEqual([])
    expect(keys).toEqual([' ff.a', '42 ff.a', '42 ff.a'])
    expect(changed).toContain('/overrides/0/id text_converted 42 > "42"')
  })

  test.each<[string, Partial<ImportMapping>, readonly string[]]>([
    [
      'taken by rules of two tables',
      { tenant_overrides: [scoped('tenant')], user_overrides: [scoped('user')] },
      [
        '/overrides/0 entry_taken_twice',
        '/overrides/1 entry_taken_twice',
        '/overrides/1/flag row_repeated',
        '/overrides/1/flag row_repeated',
      ],
    ],
    [
      'taken by no rule',
      { tenant_overrides: [scoped('tenant', is('tenant'))] },
      ['/overrides/1 entry_untaken'],
    ],
    [
      'of another scope than the table, where the scope is ignored',
      { tenant_overrides: [scoped('tenant')], ignored: ['/overrides/*/scope'] },
      ['/overrides/1 scope_contradicted', '/overrides/1/flag row_repeated'],
    ],
    [
      'of another scope than the table, where the scope becomes a note',
      {
        user_overrides: [
          { ...scoped('user'), members: { ...scoped('user').members, note: { from: '/scope' } } },
        ],
      },
      ['/overrides/0 scope_contradicted', '/overrides/1/flag row_repeated'],
    ],
  ])('are refused when %s', (_what, mapping, expected) => {
    expect(mapped(SCOPED, mapping).refused).toEqual(expected)
  })

  test('are left behind, counted and listed, where the mapping names them', () => {
    const { keys, refused, left } = mapped(SCOPED, {
      tenant_overrides: [scoped('tenant', is('tenant'))],
      skipped: [{ at: '/overrides/*', where: is('user'), reason: 'tests of one person' }],
    })
    expect([keys, refused]).toEqual([[' ff.a', '42 ff.a'], []])
    expect(left).toEqual(['/overrides/1 tests of one person'])
  })

  test.each<[string, string, readonly string[]]>([
    ['a scope by number', '"scope":2', ['/overrides/0 scope_contradicted']],
    [
      'a scope that is no word of ours',
      '"scope_type":"planet"',
      ['/overrides/0 scope_contradicted'],
    ],
    ['a kind of the other table', '"kind":"Users"', ['/overrides/0 scope_contradicted']],
    ['a kind of its own table', '"kind":"tenants"', []],
    ['a kind that tells no scope', '"kind":"boolean"', []],
    ['a kind that is no scalar', '"kind":{"user":1}', []],
  ])('%s', (_what, member, expected) => {
    const text = `{"flags":{"a":true},"overrides":[{${member},"id":"T1","flag":"a","value":false}]}`
    const names = ['scope', 'scope_type', 'kind'].map((name) => `/overrides/*/${name}`)
    const rule = { tenant_overrides: [scoped('tenant')], ignored: names }
    expect(mapped(text, rule).refused).toEqual(expected)
  })

  test('that are no objects tell no scope', () => {
    const rule = {
      ...users(),
      at: '/testers/*',
      members: {
        ...without(users(), 'tenant_id'),
        user_id: { from: '' },
        flag_key: { const: 'ff.a' },
        value: { const: true },
      },
    }
    expect(
      mapped('{"flags":{"a":true},"testers":["U1"]}', { user_overrides: [rule] }).refused,
    ).toEqual([])
  })
})

describe('a condition', () => {
  const taken = (condition: EntryCondition): readonly string[] =>
    mapped('{"flags":{"a":{"d":1,"k":"x"},"b":{"d":2,"k":null},"c":{"d":3}}}', {
      flags: [{ ...flags(readAt('/d')), where: [condition] }],
      ignored: ['/flags/*/k', '/flags/*'],
    }).keys
  test.each<[string, EntryCondition, readonly string[]]>([
    ['equals a text', { from: '/k', equals: 'x' }, [' ff.a']],
    ['equals null', { from: '/k', equals: null }, [' ff.b']],
    ['is one of', { from: '/k', one_of: ['y', null] }, [' ff.b']],
    ['is present', { from: '/k', present: true }, [' ff.a', ' ff.b']],
    ['is absent', { from: '/k', present: false }, [' ff.c']],
    ['has a type', { from: '/k', type: 'null' }, [' ff.b']],
    ['names a name', { key: 1, one_of: ['b', 'c'] }, [' ff.b', ' ff.c']],
    ['divides a text', { from: '/k', split: { by: ':', part: 1, of: 2 }, equals: 'x' }, []],
    ['reads above the file', { from: '/k', up: 9, present: true }, []],
    ['compares a number without a canonical form', { from: '/n', equals: 1 }, []],
  ])('%s', (_what, condition, expected) => {
    expect(taken(condition)).toEqual(expected)
  })

  test('never holds for a number that changes when it is read', () => {
    const rule = { ...flags(readAt('/d')), where: [{ from: '/d', equals: 9007199254740992 }] }
    expect(mapped('{"flags":{"a":{"d":9007199254740993}}}', { flags: [rule] }).refused).toEqual([
      '/flags/a entry_untaken',
    ])
  })

  test('that only detects does not read', () => {
    const rule = { ...flags(readAt('/d')), where: [{ from: '/k', present: true }] }
    expect(mapped('{"flags":{"a":{"d":1,"k":"x"}}}', { flags: [rule] }).refused).toEqual([
      '/flags/a/k member_unmapped',
    ])
  })
})

describe('reading upwards', () => {
  const plan = tenants({ note: { from: '/plan', up: 2 }, flag_key: { key: 2, prefix: 'ff.' } })
  const rule = {
    ...plan,
    at: '/tenants/*/flags/*',
    members: { ...plan.members, value: { from: '' } },
  }

  test('takes a value above its entry', () => {
    const { lines, refused } = mapped(
      '{"flags":{"a":1},"tenants":{"T1":{"plan":"gold","flags":{"a":2}}}}',
      { tenant_overrides: [rule] },
    )
    expect(refused).toEqual([])
    expect(lines[1]).toContain('"note":"gold"')
  })

  test('refuses a value above no entry, which no row holds', () => {
    const text = '{"flags":{"a":1},"tenants":{"T1":{"plan":"gold","flags":{}}}}'
    expect(mapped(text, { tenant_overrides: [rule] }).refused).toEqual([
      '/tenants/T1/plan member_unmapped',
    ])
  })
})

describe('values by reference', () => {
  const chosen: MemberRule = { from: '/variants', select: { from: '/pick' } }
  const rule = flags({
    default_value: chosen,
    safe_value: chosen,
    value_type: { ...chosen, as: 'type' },
  })
  test.each<[string, string, readonly string[]]>([
    ['a name', '{"variants":{"on":true,"off":false},"pick":"off"}', []],
    ['an index', '{"variants":[true,false],"pick":1}', []],
    [
      'a name that the file lacks',
      '{"variants":{"on":true},"pick":"off"}',
      ['/flags/a/pick reference_unknown'],
    ],
    ['an index past the end', '{"variants":[true],"pick":1}', ['/flags/a/pick reference_unknown']],
    [
      'a reference that is no name',
      '{"variants":[true],"pick":true}',
      ['/flags/a/pick reference_unknown'],
    ],
    ['no reference', '{"variants":[true]}', ['/flags/a/pick member_missing']],
  ])('%s', (_what, value, expected) => {
    const { lines, refused } = mapped(`{"flags":{"a":${value}}}`, {
      flags: [rule],
      ignored: ['/flags/*/variants/*'],
    })
    expect([...new Set(refused)]).toEqual(expected)
    if (expected.length === 0) expect(lines[0]).toContain('"default_value":false')
  })

  test('the first of several places', () => {
    const value: MemberRule = { from: ['/b', '/s'] }
    const one = flags({
      default_value: value,
      safe_value: value,
      value_type: { ...value, as: 'type' },
    })
    const { lines, refused } = mapped(
      '{"flags":{"x":{"b":true},"y":{"s":"t"},"z":{"b":1,"s":2}}}',
      { flags: [one] },
    )
    expect(lines.map((line) => /"default_value":([^,]*)/.exec(line)?.[1])).toEqual([
      'true',
      '"t"',
      '1',
    ])
    expect(refused).toEqual(['/flags/z/s member_unmapped'])
  })
})

describe('names', () => {
  test('of elements are numbers', () => {
    const rule = flags({
      ...readAt('/d'),
      flag_key: { from: '/k' },
      owner: { key: 1, as: 'text' },
    })
    const { lines, refused } = mapped('{"flags":[{"k":"ff.a","d":1}]}', { flags: [rule] })
    expect(refused).toEqual([])
    expect(lines[0]).toContain('"owner":"0"')
  })

  test.each<[string, 'lower' | 'kebab' | 'snake', string]>([
    ['NEW_CHECKOUT', 'lower', 'ff.new_checkout'],
    ['NEW_CHECKOUT', 'kebab', 'ff.new-checkout'],
    ['newCheckoutFlow', 'snake', 'ff.new_checkout_flow'],
    ['New Checkout', 'kebab', 'ff.new-checkout'],
    ['team.HTTPServer2Go', 'kebab', 'ff.team.http-server2-go'],
  ])('%s in %s case', (name, to, expected) => {
    const { keys, refused } = mapped(`{"flags":{"${name}":1}}`, {
      flags: [flags({ flag_key: { key: 1, case: to, prefix: 'ff.' } })],
    })
    expect([keys, refused]).toEqual([[` ${expected}`], []])
  })

  test('that a conversion makes one are refused, also where a flag and an override differ', () => {
    const flag_key: MemberRule = { key: 2, case: 'lower', prefix: 'ff.' }
    const text = '{"flags":{"beta":1},"tenants":{"T1":{"BETA":{"v":2}}}}'
    const { refused, details } = mapped(text, {
      flags: [flags({ flag_key: { key: 1, case: 'lower', prefix: 'ff.' } })],
      tenant_overrides: [tenants({ flag_key })],
    })
    expect(refused).toEqual(['/tenants/T1/BETA name_collision'])
    expect(details).toEqual(['flag_key of tenant_override is "ff.beta"; "beta" becomes it too'])
  })

  test('by number and by text are two names', () => {
    const text = SCOPED.replace('"id":42', '"id":"42"')
      .replace('"user"', '"tenant"')
      .replace('"flag":"a"', '"flag":"b"')
      .replace('"a":true', '"a":true,"b":true')
    expect(mapped(text, { tenant_overrides: [scoped('tenant', is('tenant'))] }).refused).toEqual([
      '/overrides/1/id name_collision',
    ])
  })

  test('that are composed are divided', () => {
    const split = (part: number) => ({ by: ':', part, of: 3 })
    const rule: EntryRule = {
      at: '/overrides/*',
      where: [{ key: 1, split: split(1), equals: 'tenant' }],
      members: {
        ...tenants().members,
        tenant_id: { key: 1, split: split(2) },
        flag_key: { key: 1, split: split(3), prefix: 'ff.' },
        value: { from: '' },
      },
    }
    const { keys, refused } = mapped(
      '{"flags":{"a":1},"overrides":{"tenant:T1:a":2,"tenant:T1":3,"user:U1:a":4}}',
      { tenant_overrides: [rule] },
    )
    expect(keys).toEqual([' ff.a', 'T1 ff.a'])
    expect(refused).toEqual([
      '/overrides/tenant:T1 entry_untaken',
      '/overrides/user:U1:a entry_untaken',
    ])
  })

  test('that a separator does not divide are refused', () => {
    const rule = flags({ owner: { key: 1, split: { by: '/', part: 1, of: 2 } } })
    const { refused, details } = mapped('{"flags":{"a":1}}', { flags: [rule] })
    expect(refused).toEqual(['/flags/a text_not_divisible'])
    expect(details[0]).toContain('"/" does not divide it into 2 parts')
  })

  test('that one of two rules for an entry loses are refused where no other keeps them', () => {
    const bare = {
      ...users(),
      at: '/list/*',
      members: { ...without(users(), 'tenant_id'), user_id: { from: '/u' } },
    }
    const keyed = {
      ...bare,
      where: [{ from: '/k', equals: 1 }],
      members: { ...bare.members, note: { key: 1 } },
    }
    const plain = { ...bare, where: [{ from: '/k', equals: 2 }] }
    const text =
      '{"flags":{"a":1},"list":{"x":{"k":1,"u":"U1","f":"ff.a","v":1},"y":{"k":2,"u":"U2","f":"ff.a","v":1}}}'
    expect(mapped(text, { user_overrides: [keyed, plain] }).refused).toEqual([
      '/list/y name_unmapped',
    ])
  })
})

describe('a value', () => {
  test.each<[string, string, string]>([
    ['true', 'false', 'boolean'],
    ['"x"', '""', 'string'],
    ['5', '0', 'number'],
    ['{"x":1}', '{}', 'object'],
  ])('by default of the type of %s is %s', (value, expected) => {
    const safe_value: MemberRule = {
      from: '/safe',
      default_by_type: { of: { from: '/d' }, boolean: false, string: '', number: 0, object: {} },
    }
    const { lines, refused, changed } = mapped(`{"flags":{"a":{"d":${value}}}}`, {
      flags: [flags({ ...readAt('/d'), safe_value })],
    })
    expect(refused).toEqual([])
    expect(lines[0]).toContain(`"safe_value":${expected}`)
    expect(changed).toContain(`/flags/a/safe default_taken null > ${expected}`)
  })

  test.each(['{"d":"x"}', '{}'])('without a default for its type is refused: %s', (value) => {
    const safe_value: MemberRule = {
      from: '/safe',
      default_by_type: { of: { from: '/d' }, boolean: false },
    }
    const rule = flags({ ...readAt('/d'), safe_value })
    expect(mapped(`{"flags":{"a":${value}}}`, { flags: [rule] }).refused).toContain(
      '/flags/a/safe default_missing',
    )
  })

  const state: MemberRule = {
    name: { key: 1 },
    listed: [
      { in: '/killed', becomes: 'killed' },
      { in: '/gone', becomes: 'archived' },
    ],
    otherwise: 'active',
  }
  test('by the lists that hold a name', () => {
    const text = '{"flags":{"a":1,"b":2,"c":3},"killed":["b","b"],"gone":["c"]}'
    const { lines, refused, changed } = mapped(text, { flags: [flags({ state })] })
    expect(refused).toEqual([])
    expect(lines.map((line) => /"state":"(\w+)"/.exec(line)?.[1])).toEqual([
      'active',
      'killed',
      'archived',
    ])
    expect(changed).toContain('/flags/b listed "b" > "killed"')
  })

  test.each<[string, string, readonly string[]]>([
    ['a name in two lists', '"killed":["a"],"gone":["a"]', ['/flags/a listed_twice']],
    ['a listed name of no flag', '"killed":["z"]', ['/killed/0 member_unmapped']],
    ['a list of numbers', '"killed":[1]', ['/killed/0 member_unmapped']],
    ['an empty list', '"killed":[]', []],
    ['a list that is a text', '"killed":"a"', ['/killed member_unmapped']],
  ])('by lists: %s', (_what, lists, expected) => {
    expect(mapped(`{"flags":{"a":1},${lists}}`, { flags: [flags({ state })] }).refused).toEqual(
      expected,
    )
  })

  test('by lists is absent without a name', () => {
    const rule = flags({ state: { ...state, name: { from: '/name' } }, ...readAt('/d') })
    expect(
      mapped('{"flags":{"a":{"d":1,"name":7},"b":{"d":1}}}', { flags: [rule] }).refused,
    ).toEqual(['/flags/a/name member_missing', '/flags/b/name member_missing'])
  })
})

describe('left behind', () => {
  const skipped = [{ at: '/flags/*/rules', reason: 'targeting is not carried', loss: 'targeting' }]
  const mapping = { flags: [flags(readAt('/d'))], skipped }
  const text =
    '{"flags":{"a":{"d":1,"rules":[{"if":1}]},"b":{"d":1,"rules":[]},"c":{"d":1,"rules":null}}}'

  test('a loss is refused, and nothing is lost with an empty one', () => {
    const { refused, details, left } = mapped(text, mapping)
    expect(refused).toEqual(['/flags/a/rules not_carried'])
    expect(details).toEqual([
      'targeting: targeting is not carried; add --accept-loss targeting to leave it behind',
    ])
    expect(left).toHaveLength(2)
  })

  test('each loss is a cause of its own, so that none hides behind another', () => {
    const { causes } = mapped('{"flags":{"a":{"d":1,"rules":[1],"parts":[1]}}}', {
      flags: [flags(readAt('/d'))],
      skipped: [...skipped, { at: '/flags/*/parts', reason: 'no place', loss: 'percentages' }],
    })
    expect(causes).toEqual(['not_carried targeting', 'not_carried percentages'])
  })

  test.each([
    ['{}', 0],
    ['{"x":1}', 1],
    ['false', 1],
  ])('a loss of %s is refused %i times', (value, count) => {
    const one = `{"flags":{"a":{"d":1,"rules":${value}}}}`
    expect(mapped(one, mapping).refused).toHaveLength(count)
  })

  test.each([
    ['{"old":1,"old":2}', [{ from: '/old', equals: 1 }], ['/x/old duplicate_member']],
    ['{"old":2,"old":2}', undefined, []],
  ])('a repeated member of %s counts where it is skipped by %j', (entry, where, expected) => {
    const { refused } = mapped(`{"flags":{"a":1},"x":${entry}}`, {
      skipped: [{ at: '/x', reason: 'gone', ...(where === undefined ? {} : { where }) }],
    })
    expect(refused).toEqual(expected)
  })

  test('a loss that is accepted is listed', () => {
    const { refused, left } = mapped(text, mapping, ['targeting'])
    expect(refused).toEqual([])
    expect(left).toHaveLength(3)
  })

  test('an entry within a skipped one is not taken', () => {
    const { refused, left } = mapped('{"flags":{"a":1},"tenants":{"T1":{"b":{"v":1}}}}', {
      tenant_overrides: [tenants()],
      skipped: [{ at: '/tenants/*', where: [{ key: 1, equals: 'T1' }], reason: 'gone' }],
    })
    expect([refused, left]).toEqual([[], ['/tenants/T1 gone']])
  })

  test('a skipped place other than the entry changes nothing', () => {
    const { refused, keys } = mapped('{"flags":{"a":1},"x":{"y":1}}', {
      skipped: [
        { at: '/x/*', reason: 'other' },
        { at: '/x/*/z', reason: 'other' },
        { at: '/x/z', reason: 'other' },
      ],
    })
    expect([refused, keys]).toEqual([[], [' ff.a']])
  })

  test('a loss within an ignored place is refused', () => {
    const { refused } = mapped(text, { ...mapping, ignored: ['/flags/*'] })
    expect(refused).toEqual(['/flags/a/rules not_carried'])
  })

  test('a value within a skipped place may be read from elsewhere', () => {
    const { refused, left } = mapped('{"flags":{"a":{"d":1}},"meta":{"team":"web","x":1}}', {
      flags: [flags({ ...readAt('/d'), owner: { from: '/meta/team', up: 2 } })],
      skipped: [{ at: '/meta', reason: 'other' }],
    })
    expect([refused, left]).toEqual([[], ['/meta/x other']])
  })

  test('an optional place may be missing', () => {
    expect(
      mapped('{"flags":{"a":1}}', { tenant_overrides: [{ ...tenants(), optional: true }] }).refused,
    ).toEqual([])
  })
})

describe('a refusal gives the value, the form wanted and the reason', () => {
  test.each<[string, string, Partial<ImportMapping>, string]>([
    [
      'of a flag key',
      '{"flags":{"Beta Flag":1}}',
      {},
      'flag_key of flag_registry is "ff.Beta Flag"; wanted: ff. and lower-case letters or digits in words joined by one of . _ -, at most 128 characters',
    ],
    [
      'of a time',
      '{"flags":{"a":{"d":1,"t":"2025-03-02T09:15:27"}}}',
      { flags: [flags({ ...readAt('/d'), updated_at: { from: '/t', as: 'timestamp' } })] },
      'updated_at of flag_registry is "2025-03-02T09:15:27"; it names no time zone; state one with "zone"; wanted: a time such as 2026-01-15T09:00:00.000Z',
    ],
    [
      'of a long text',
      `{"flags":{"a":1},"tenants":{"${'é'.repeat(80)}":{"a":{"v":1}}}}`,
      { tenant_overrides: [tenants()] },
      `tenant_id of tenant_override is "${'é'.repeat(59)}... (82 characters); wanted: a text of 1 to 255 characters of visible ASCII`,
    ],
    [
      'of an absent text',
      '{"flags":{"a":{"d":1}}}',
      { flags: [flags({ ...readAt('/d'), owner: { from: '/team' } })] },
      'owner of flag_registry is absent; wanted: a text of at most 2,048 bytes',
    ],
  ])('%s', (_what, text, mapping, expected) => {
    expect(mapped(text, mapping).details).toEqual([expected])
  })
})
