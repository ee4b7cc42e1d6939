import { describe, expect, test } from 'vitest'
import type { ApprovalAnswer } from '../../../src/core/evaluate/types.ts'
import { decodeRow } from '../../../src/core/rows/decode-row.ts'
import { type ExistingRows, planWrite, type WritePlan } from '../../../src/core/rows/plan-write.ts'
import type { WriteRequest } from '../../../src/core/rows/write-request.ts'
import {
  type AnyRow,
  type FlagRow,
  type RowOrBroken,
  serializeRow,
  type TableName,
} from '../../../src/core/rows/rows.ts'
import {
  broken,
  DAY,
  fit,
  FLAG,
  flagRow,
  fromNow,
  json,
  known,
  LONG_AGO,
  node,
  NOW,
  REF,
  TENANT,
  tenantRow,
  USER,
  userRow,
  userTombstone,
} from '../builders.ts'

const FLAG_BODY = {
  value_type: 'string',
  default_value: 'default',
  safe_value: 'safe',
  sensitive: false,
  required_auth: 'any',
  state: 'active',
  description: 'The new checkout',
  owner: 'team-flags',
}
const request = (more: Partial<WriteRequest> = {}): WriteRequest => ({
  table: 'flag_registry',
  key: { scope_id: null, flag_key: FLAG },
  action: 'put',
  body: node(JSON.stringify(FLAG_BODY)),
  expected: null,
  actor: 'ops.bob',
  auth_mode: 'verified',
  request_id: 'req-1',
  occurred_at: NOW,
  approval: null,
  ...more,
})
const putFlag = (body: object, more: Partial<WriteRequest> = {}): WriteRequest =>
  request({ body: node(JSON.stringify({ ...FLAG_BODY, ...body })), ...more })
const putUser = (body: string, more: Partial<WriteRequest> = {}): WriteRequest =>
  request({
    table: 'user_override',
    key: { scope_id: USER, flag_key: FLAG },
    body: node(body),
    ...more,
  })
const remove = (table: TableName, more: Partial<WriteRequest> = {}): WriteRequest =>
  request({
    table,
    action: 'delete',
    body: null,
    key: {
      scope_id: { flag_registry: null, tenant_override: TENANT, user_override: USER }[table],
      flag_key: FLAG,
    },
    ...more,
  })
const approved = (answer: ApprovalAnswer): Partial<WriteRequest> => ({
  approval: { approval_ref: REF, answer },
})

const NOTHING: ExistingRows = { flag: null, row: null, has_overrides: false }
const onFlag = (flag: FlagRow, has_overrides = false): ExistingRows => ({
  flag: fit(flag),
  row: fit(flag),
  has_overrides,
})
const onRow = (
  row: RowOrBroken<AnyRow> | null,
  flag: FlagRow | null = flagRow(),
): ExistingRows => ({
  flag: flag === null ? null : fit(flag),
  row,
  has_overrides: row !== null,
})
const refusals = (plan: WritePlan): readonly (readonly [string, string])[] =>
  plan.ok ? [] : plan.problems.map(({ code, pointer }) => [code, pointer] as const)
const getChange = (plan: WritePlan) => {
  if (!plan.ok) throw new Error(JSON.stringify(plan.problems))
  return plan.change
}

describe('putting a flag', () => {
  test('a new flag starts at revision 1 with the time of the write', () => {
    expect(planWrite(putFlag({}), NOTHING)).toEqual({
      ok: true,
      change: {
        action: 'flag.put',
        before: null,
        after: flagRow({ revision: 1, created_at: NOW, updated_at: NOW }),
      },
    })
  })

  test('an existing flag gets the next revision and keeps created_at', () => {
    const before = flagRow()
    expect(planWrite(putFlag({ description: 'Better' }), onFlag(before))).toEqual({
      ok: true,
      change: {
        action: 'flag.put',
        before,
        after: { ...before, description: 'Better', revision: 4, updated_at: NOW },
      },
    })
  })

  test.each([
    ['no object', '[]', [['type_wrong', '']]],
    ['nothing', 'null', [['type_wrong', '']]],
    ['a text', '"{}"', [['type_wrong', '']]],
    ['a member that flags lack', '{"colour":1}', [['member_unknown', '/colour']]],
    ['a member whose name a pointer must escape', '{"a/b~":1}', [['member_unknown', '/a~1b~0']]],
    [
      'members that only the store may write',
      '{"revision":9,"created_at":"2026-01-15T09:00:00.000Z","flag_key":"ff.other"}',
      [
        ['member_unknown', '/revision'],
        ['member_unknown', '/created_at'],
        ['member_unknown', '/flag_key'],
      ],
    ],
    [
      'most members missing',
      '{"value_type":"string","default_value":"","safe_value":"","sensitive":false}',
      [
        ['member_missing', '/required_auth'],
        ['member_missing', '/state'],
        ['member_missing', '/description'],
        ['member_missing', '/owner'],
      ],
    ],
    [
      'a repeated member',
      JSON.stringify(FLAG_BODY).replace('{', '{"owner":"x",'),
      [['duplicate_member', '/owner']],
    ],
  ])('is refused with %s for a body', (_situation, body, problems) => {
    expect(refusals(planWrite(request({ body: node(body) }), NOTHING))).toEqual(problems)
  })

  test.each([
    ['the default', { default_value: 1 }, [['value_type_mismatch', '/default_value']]],
    ['the safe value', { safe_value: {} }, [['value_type_mismatch', '/safe_value']]],
    [
      'both',
      { value_type: 'boolean' },
      [
        ['value_type_mismatch', '/default_value'],
        ['value_type_mismatch', '/safe_value'],
      ],
    ],
  ])('is refused where %s does not fit its type', (_situation, body, problems) => {
    expect(refusals(planWrite(putFlag(body), NOTHING))).toEqual(problems)
  })

  test('is refused with a malformed key', () => {
    const plan = planWrite(request({ key: { scope_id: null, flag_key: 'FF.A' } }), NOTHING)
    expect(refusals(plan)).toEqual([['form_wrong', '/flag_key']])
  })

  const NUMBERS = { value_type: 'number', default_value: 1, safe_value: 0 }
  test('cannot change the type while the flag has overrides', () => {
    const plan = planWrite(putFlag(NUMBERS), onFlag(flagRow(), true))
    expect(refusals(plan)).toEqual([['type_in_use', '/value_type']])
  })
  test('can change the type without overrides, and other members with overrides', () => {
    expect(planWrite(putFlag(NUMBERS), onFlag(flagRow())).ok).toBe(true)
    expect(planWrite(putFlag({ owner: 'b' }), onFlag(flagRow(), true)).ok).toBe(true)
  })

  test.each([
    ['to active', { state: 'active' }],
    ['to killed', { state: 'killed' }],
    ['to archived again', { state: 'archived' }],
  ])('cannot change an archived flag %s, with or without an approval', (_situation, body) => {
    const standing = onFlag(flagRow({ state: 'archived' }))
    const final = [['flag_archived', '/state']]
    expect(refusals(planWrite(putFlag(body), standing))).toEqual(final)
    expect(refusals(planWrite(putFlag(body, approved(known())), standing))).toEqual(final)
  })
})

const LOOSENING = [
  ['clearing sensitive', flagRow({ sensitive: true }), {}],
  ['lowering required_auth to any', flagRow({ required_auth: 'verified' }), {}],
  ['lowering required_auth to none', flagRow(), { required_auth: 'none' }],
  ['reactivating a killed flag', flagRow({ state: 'killed' }), {}],
] as const
describe.each(LOOSENING)('%s', (_change, before, body) => {
  test.each<[string, Partial<WriteRequest>, string]>([
    ['no approval', {}, 'approval_missing'],
    [
      'an approval while Admin is unreachable',
      approved({ status: 'unreachable' }),
      'admin_unreachable',
    ],
    ['an unknown approval', approved({ status: 'unknown' }), 'approval_unknown'],
    ['a revoked approval', approved(known({ revoked: true })), 'approval_revoked'],
    [
      'an approval that starts later',
      approved(known({ not_before: fromNow(1) })),
      'approval_not_yet_valid',
    ],
    ['an approval that ends now', approved(known({ expires_at: NOW })), 'approval_expired'],
  ])('is refused with %s', (_situation, more, code) => {
    const plan = planWrite(putFlag(body, more), onFlag(before))
    expect(refusals(plan)).toEqual([[code, '/approval_ref']])
  })

  test.each([
    ['a valid approval', known()],
    ['an approval that ends soon', known({ expires_at: fromNow(1) })],
    ['an approval that starts now', known({ not_before: NOW })],
    ['an approval that ends in more than a day', known({ expires_at: fromNow(DAY + 1) })],
  ])('is a boundary event with %s', (_situation, answer) => {
    const change = getChange(planWrite(putFlag(body, approved(answer)), onFlag(before)))
    expect(change).toMatchObject({ action: 'audit.boundary', before, after: { revision: 4 } })
  })
})

test.each([
  ['setting sensitive', flagRow(), { sensitive: true }],
  ['raising required_auth', flagRow({ required_auth: 'none' }), { required_auth: 'verified' }],
  ['killing a flag', flagRow(), { state: 'killed' }],
  ['archiving a flag', flagRow({ state: 'killed' }), { state: 'archived' }],
  [
    'changing a killed flag that stays killed',
    flagRow({ state: 'killed' }),
    { state: 'killed', owner: 'b' },
  ],
  ['changing nothing', flagRow(), {}],
])('%s needs no approval', (_situation, before, body) => {
  expect(getChange(planWrite(putFlag(body), onFlag(before))).action).toBe('flag.put')
})

describe('putting an override', () => {
  const own = { created_by: 'ops.bob', updated_by: 'ops.bob', updated_at: NOW }

  test('a new user override starts at revision 1', () => {
    const body = `{"value":"v","approval_ref":"${REF}","note":"why","expires_at":"${fromNow(DAY)}"}`
    expect(planWrite(putUser(body), onRow(null))).toEqual({
      ok: true,
      change: {
        action: 'override.put',
        before: null,
        after: userRow({
          ...own,
          value: json('"v"'),
          approval_ref: REF,
          note: 'why',
          expires_at: fromNow(DAY),
          revision: 1,
          created_at: NOW,
        }),
      },
    })
  })

  test('an existing tenant override keeps created_by and loses members that are not given again', () => {
    const before = tenantRow({ note: 'old', approval_ref: REF })
    const put = request({
      table: 'tenant_override',
      key: { scope_id: TENANT, flag_key: FLAG },
      body: node('{"value":"v"}'),
    })
    const after = tenantRow({
      value: json('"v"'),
      updated_by: 'ops.bob',
      updated_at: NOW,
      revision: 8,
    })
    expect(getChange(planWrite(put, onRow(fit(before))))).toEqual({
      action: 'override.put',
      before,
      after,
    })
  })

  test('an override after a tombstone continues from its revision', () => {
    const change = getChange(planWrite(putUser('{"value":"v"}'), onRow(fit(userTombstone()))))
    expect(change.after).toEqual(
      userRow({ ...own, value: json('"v"'), created_at: NOW, revision: 6 }),
    )
    expect(change.before).toEqual(userTombstone())
  })

  test.each([
    ['an unregistered flag', null, '{"value":"v"}', 'flag_unknown', '/flag_key'],
    [
      'an archived flag',
      flagRow({ state: 'archived' }),
      '{"value":"v"}',
      'flag_archived',
      '/flag_key',
    ],
    ['a value of another type', flagRow(), '{"value":1}', 'value_type_mismatch', '/value'],
    ['no value', flagRow(), '{}', 'member_missing', '/value'],
    ['a value of null', flagRow(), '{"value":null}', 'value_type_unsupported', '/value'],
    ['a note of null', flagRow(), '{"value":"v","note":null}', 'type_wrong', '/note'],
    [
      'a ref of another form',
      flagRow(),
      '{"value":"v","approval_ref":"x"}',
      'form_wrong',
      '/approval_ref',
    ],
    [
      'deleted_at in the body',
      flagRow(),
      `{"deleted_at":"${NOW}"}`,
      'member_unknown',
      '/deleted_at',
    ],
    [
      'another user in the body',
      flagRow(),
      '{"value":"v","user_id":"U2"}',
      'member_unknown',
      '/user_id',
    ],
    ['no object', flagRow(), '"v"', 'type_wrong', ''],
  ])('is refused: %s', (_situation, flag, body, code, pointer) => {
    expect(refusals(planWrite(putUser(body), onRow(null, flag)))).toEqual([[code, pointer]])
  })

  test('is accepted for a killed flag', () => {
    const plan = planWrite(putUser('{"value":"v"}'), onRow(null, flagRow({ state: 'killed' })))
    expect(plan.ok).toBe(true)
  })

  test.each([
    ['a malformed id', 'a b', 'form_wrong'],
    ['no id', null, 'form_wrong'],
  ])('is refused with %s', (_situation, scope_id, code) => {
    const plan = planWrite(
      putUser('{"value":"v"}', { key: { scope_id, flag_key: FLAG } }),
      onRow(null),
    )
    expect(refusals(plan)).toEqual([[code, '/user_id']])
  })
})

describe('deleting', () => {
  test('archives a flag', () => {
    const before = flagRow({ state: 'killed' })
    expect(getChange(planWrite(remove('flag_registry'), onFlag(before)))).toEqual({
      action: 'flag.archive',
      before,
      after: { ...before, state: 'archived', revision: 4, updated_at: NOW },
    })
  })

  test('turns an override into a tombstone: no value, ref, note or expiry, and the next revision', () => {
    const before = userRow({ approval_ref: REF, note: 'n', expires_at: fromNow(DAY) })
    expect(getChange(planWrite(remove('user_override'), onRow(fit(before))))).toEqual({
      action: 'override.delete',
      before,
      after: {
        ...userTombstone(),
        revision: 6,
        updated_by: 'ops.bob',
        updated_at: NOW,
        deleted_at: NOW,
      },
    })
  })

  test.each([
    ['an unregistered flag', 'flag_registry', NOTHING, 'flag_unknown'],
    ['an archived flag', 'flag_registry', onFlag(flagRow({ state: 'archived' })), 'flag_archived'],
    ['an override that never existed', 'tenant_override', onRow(null), 'override_unknown'],
    [
      'an override that is already deleted',
      'user_override',
      onRow(fit(userTombstone())),
      'override_unknown',
    ],
  ] as const)('refused: %s', (_situation, table, standing, code) => {
    expect(refusals(planWrite(remove(table), standing))).toEqual([[code, '']])
  })

  test('refused like a put: a malformed actor', () => {
    const actor = { actor: 'ops bob' }
    const standing = onRow(fit(userRow()))
    expect(refusals(planWrite(putUser('{"value":"v"}', actor), standing))).toEqual([
      ['form_wrong', '/actor'],
    ])
    expect(refusals(planWrite(remove('user_override', actor), standing))).toEqual([
      ['form_wrong', '/actor'],
    ])
  })

  test('refused like a put: the largest revision', () => {
    const standing = onRow(fit(userRow({ revision: Number.MAX_SAFE_INTEGER })))
    expect(refusals(planWrite(putUser('{"value":"v"}'), standing))).toEqual([
      ['form_wrong', '/revision'],
    ])
    expect(refusals(planWrite(remove('user_override'), standing))).toEqual([
      ['form_wrong', '/revision'],
    ])
  })
})

describe('the revision that a write expects', () => {
  const STALE = [['revision_conflict', '']]
  test.each([
    ['the present revision', 5, fit(userRow()), []],
    ['any state', null, fit(userRow()), []],
    ['an earlier revision', 4, fit(userRow()), STALE],
    ['a later revision', 6, fit(userRow()), STALE],
    ['absent, with a row', 'absent', fit(userRow()), STALE],
    ['absent, without a row', 'absent', null, []],
    ['absent, with a tombstone', 'absent', fit(userTombstone()), []],
    ['present, with a row', 'present', fit(userRow()), []],
    ['present, without a row', 'present', null, STALE],
    ['present, with a tombstone', 'present', fit(userTombstone()), STALE],
    ['a revision, without a row', 1, null, STALE],
    ['a revision that is deleted by now', 4, fit(userTombstone()), STALE],
  ] as const)('%s', (_situation, expected, row, problems) => {
    const standing = onRow(row)
    expect(refusals(planWrite(putUser('{"value":"v"}', { expected }), standing))).toEqual(problems)
  })

  test('applies to deletes and to flags too', () => {
    const user = planWrite(remove('user_override', { expected: 4 }), onRow(fit(userRow())))
    const flag = planWrite(putFlag({}, { expected: 2 }), onFlag(flagRow()))
    expect([refusals(user), refusals(flag)]).toEqual([STALE, STALE])
  })
})

test.each([
  ['the row itself', { flag: fit(flagRow()), row: broken, has_overrides: true }],
  ['the flag of the row', { flag: broken, row: null, has_overrides: false }],
])('no write replaces a broken row: %s', (_situation, standing) => {
  expect(refusals(planWrite(putUser('{"value":"v"}'), standing))).toEqual([['row_broken', '']])
  expect(refusals(planWrite(remove('user_override'), standing))).toEqual([['row_broken', '']])
})

test('a write produces a valid row with the next revision', () => {
  const plans: readonly (readonly [TableName, WritePlan])[] = [
    ['flag_registry', planWrite(putFlag({ default_value: '\u2028"' }), onFlag(flagRow()))],
    ['flag_registry', planWrite(remove('flag_registry'), onFlag(flagRow()))],
    ['user_override', planWrite(putUser('{"value":"v"}'), onRow(fit(userRow())))],
    ['user_override', planWrite(putUser('{"value":"v"}'), onRow(fit(userTombstone())))],
    ['user_override', planWrite(remove('user_override'), onRow(fit(userRow({ note: 'n' }))))],
    ['tenant_override', planWrite(remove('tenant_override'), onRow(fit(tenantRow())))],
  ]
  expect(plans.length).toBeGreaterThan(0)
  for (const [table, plan] of plans) {
    const { before, after } = getChange(plan)
    expect(decodeRow(table, node(serializeRow(after)))).toEqual({ row: after })
    expect(after.revision).toBe((before?.revision ?? 0) + 1)
    expect([after.updated_at, after.flag_key]).toEqual([NOW, FLAG])
    expect(before === null || after.created_at === LONG_AGO || 'deleted_at' in before).toBe(true)
  }
})
