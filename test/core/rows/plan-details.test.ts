import { describe, expect, test } from 'vitest'
import { type ExistingRows, planWrite, type WritePlan } from '../../../src/core/rows/plan-write.ts'
import type { AnyRow, FlagRow } from '../../../src/core/rows/rows.ts'
import type { ChangeDetail, WriteRequest } from '../../../src/core/rows/write-request.ts'
import {
  DAY,
  fit,
  FLAG,
  flagRow,
  fromNow,
  json,
  known,
  LONG_AGO,
  NOW,
  REF,
  USER,
  userRow,
  userTombstone,
} from '../builders.ts'

const ACTOR = 'ops.bob'
const request = (
  table: WriteRequest['table'],
  detail: ChangeDetail,
  more: Partial<WriteRequest> = {},
): WriteRequest => ({
  table,
  key: { scope_id: table === 'flag_registry' ? null : USER, flag_key: FLAG },
  action: detail.kind,
  body: null,
  detail,
  expected: null,
  actor: ACTOR,
  auth_mode: 'verified',
  request_id: 'req-1',
  occurred_at: NOW,
  approval: null,
  ...more,
})
const approved: Partial<WriteRequest> = {
  approval: { approval_ref: REF, answer: known() },
}
const onFlag = (flag: FlagRow | null, has_overrides = false): ExistingRows => ({
  flag: flag === null ? null : fit(flag),
  row: flag === null ? null : fit(flag),
  has_overrides,
})
const onOverride = (row: AnyRow | null, flag: FlagRow | null = flagRow()): ExistingRows => ({
  flag: flag === null ? null : fit(flag),
  row: row === null ? null : fit(row),
  has_overrides: row !== null,
})
const getChange = (plan: WritePlan) => {
  if (!plan.ok) throw new Error(JSON.stringify(plan.problems))
  return plan.change
}
const refusals = (plan: WritePlan) =>
  plan.ok ? [] : plan.problems.map(({ code, pointer }) => [code, pointer])
const MOST = Number.MAX_SAFE_INTEGER

describe('a transition', () => {
  const to = (state: FlagRow['state'], more: Partial<WriteRequest> = {}): WriteRequest =>
    request('flag_registry', { kind: 'transition', reason: 'r', to: state }, more)

  test.each([
    ['active', 'killed', {}, 'flag.transition'],
    ['active', 'archived', {}, 'flag.archive'],
    ['killed', 'archived', {}, 'flag.archive'],
    ['killed', 'active', approved, 'audit.boundary'],
  ] as const)('from %s to %s changes the state alone', (from, state, more, action) => {
    const before = flagRow({ state: from })
    expect(getChange(planWrite(to(state, more), onFlag(before, true)))).toEqual({
      action,
      before,
      after: { ...before, state, revision: 4, updated_at: NOW },
    })
  })

  test.each(['active', 'killed', 'archived'] as const)('to %s again changes nothing', (state) => {
    const { before, after } = getChange(planWrite(to(state), onFlag(flagRow({ state }))))
    expect(after).toBe(before)
  })

  test.each([
    ['an unknown flag', null, to('killed'), 'flag_unknown', ''],
    [
      'an archived flag',
      flagRow({ state: 'archived' }),
      to('active', approved),
      'flag_archived',
      '/state',
    ],
    [
      'a killed flag without an approval',
      flagRow({ state: 'killed' }),
      to('active'),
      'approval_missing',
      '/approval_ref',
    ],
    [
      'a killed flag with an expired approval',
      flagRow({ state: 'killed' }),
      to('active', {
        approval: { approval_ref: REF, answer: known({ expires_at: fromNow(-DAY) }) },
      }),
      'approval_expired',
      '/approval_ref',
    ],
    [
      'a flag of another revision',
      flagRow(),
      to('killed', { expected: 2 }),
      'revision_conflict',
      '',
    ],
    [
      'a flag of another revision, as it is',
      flagRow(),
      to('active', { expected: 2 }),
      'revision_conflict',
      '',
    ],
    [
      'a flag of the last revision',
      flagRow({ revision: MOST }),
      to('killed'),
      'form_wrong',
      '/revision',
    ],
  ] as const)('of %s is refused', (_what, flag, write, code, at) => {
    expect(refusals(planWrite(write, onFlag(flag)))).toEqual([[code, at]])
  })
})

describe('a rollback', () => {
  const back = (earlier: AnyRow, more: Partial<WriteRequest> = {}): WriteRequest =>
    request(
      'state' in earlier ? 'flag_registry' : 'user_override',
      { kind: 'rollback', reason: 'r', earlier },
      more,
    )

  test('of a flag takes everything from the earlier revision but its number and times', () => {
    const earlier = flagRow({ revision: 1, owner: 'first', default_value: json('"one"') })
    const before = flagRow({ revision: 7, owner: 'last', created_at: LONG_AGO, updated_at: NOW })
    expect(getChange(planWrite(back(earlier), onFlag(before, true)))).toEqual({
      action: 'flag.rollback',
      before,
      after: { ...earlier, revision: 8, created_at: LONG_AGO, updated_at: NOW },
    })
  })

  test('that loosens a protection needs an approval, as a put does', () => {
    const earlier = flagRow({ revision: 1, state: 'active' })
    const standing = onFlag(flagRow({ revision: 2, state: 'killed' }))
    expect(refusals(planWrite(back(earlier), standing))).toEqual([
      ['approval_missing', '/approval_ref'],
    ])
    expect(getChange(planWrite(back(earlier, approved), standing)).action).toBe('audit.boundary')
  })

  test('of an override keeps who created it, and names who changes it', () => {
    const earlier = userRow({ revision: 1, value: json('"one"'), note: 'n', updated_by: 'someone' })
    const before = userRow({ revision: 2, created_by: 'creator' })
    expect(getChange(planWrite(back(earlier), onOverride(before)))).toEqual({
      action: 'override.rollback',
      before,
      after: {
        ...earlier,
        revision: 3,
        created_by: 'creator',
        created_at: before.created_at,
        updated_by: ACTOR,
        updated_at: NOW,
      },
    })
  })

  test('of a deleted override makes it again', () => {
    const before = userTombstone({ revision: 5 })
    const { after } = getChange(planWrite(back(userRow({ revision: 1 })), onOverride(before)))
    expect(after).toMatchObject({ revision: 6, created_by: ACTOR, created_at: NOW })
    expect(after).not.toHaveProperty('deleted_at')
  })

  test('to a deleted override deletes it', () => {
    const before = userRow({ revision: 3 })
    const change = getChange(planWrite(back(userTombstone({ revision: 2 })), onOverride(before)))
    expect(change).toMatchObject({
      action: 'override.rollback',
      before,
      after: { revision: 4, deleted_at: NOW },
    })
    expect(change.after).not.toHaveProperty('value')
  })

  test.each([
    ['the current revision of a flag', flagRow(), onFlag(flagRow())],
    ['the current revision of an override', userRow(), onOverride(userRow())],
    [
      'a deleted override that is deleted',
      userTombstone({ revision: 2 }),
      onOverride(userTombstone({ revision: 4 })),
    ],
  ])('to %s changes nothing', (_what, earlier, standing) => {
    const { before, after } = getChange(planWrite(back(earlier), standing))
    expect(before).not.toBeNull()
    expect(after).toBe(before)
  })

  const earlier = userRow({ revision: 1 })
  test.each([
    ['an unknown flag', back(flagRow()), onFlag(null), 'flag_unknown', ''],
    [
      'an archived flag',
      back(flagRow({ revision: 1 })),
      onFlag(flagRow({ state: 'archived' })),
      'flag_archived',
      '/state',
    ],
    [
      'a flag to another type under overrides',
      back(
        flagRow({
          revision: 1,
          value_type: 'number',
          default_value: json('1'),
          safe_value: json('1'),
        }),
      ),
      onFlag(flagRow(), true),
      'type_in_use',
      '/value_type',
    ],
    [
      'a flag of the last revision',
      back(flagRow()),
      onFlag(flagRow({ revision: MOST })),
      'form_wrong',
      '/revision',
    ],
    ['an unknown override', back(earlier), onOverride(null), 'override_unknown', ''],
    [
      'an override of an unknown flag',
      back(earlier),
      onOverride(userRow(), null),
      'flag_unknown',
      '/flag_key',
    ],
    [
      'an override of an archived flag',
      back(earlier),
      onOverride(userRow(), flagRow({ state: 'archived' })),
      'flag_archived',
      '/flag_key',
    ],
    [
      'an override of another type',
      back({ ...earlier, value: json('1') }),
      onOverride(userRow()),
      'value_type_mismatch',
      '/value',
    ],
    [
      'an override of another revision',
      back(earlier, { expected: 9 }),
      onOverride(userRow()),
      'revision_conflict',
      '',
    ],
    [
      'an override of the last revision',
      back(earlier),
      onOverride(userRow({ revision: MOST })),
      'form_wrong',
      '/revision',
    ],
    [
      'an override of the last revision to a deleted one',
      back(userTombstone({ revision: 1 })),
      onOverride(userRow({ revision: MOST })),
      'form_wrong',
      '/revision',
    ],
  ] as const)('of %s is refused', (_what, write, standing, code, at) => {
    expect(refusals(planWrite(write, standing))).toEqual([[code, at]])
  })
})

describe('a repair', () => {
  const repair = (table: WriteRequest['table'], alone: number | null = null): WriteRequest =>
    request(table, { kind: 'repair', reason: 'r', alone })

  test.each([
    ['flag', 'flag_registry', onFlag(flagRow({ revision: 4, state: 'archived' })), 'flag.repair'],
    ['override', 'user_override', onOverride(userRow({ revision: 4 })), 'override.repair'],
    ['tombstone', 'user_override', onOverride(userTombstone({ revision: 4 })), 'override.repair'],
  ] as const)('of a %s writes it again as it stands', (_what, table, standing, action) => {
    const change = getChange(planWrite(repair(table, 9), standing))
    expect(change).toEqual({ action, before: standing.row?.row, after: standing.row?.row })
    // The same object would be no change, and leave no record.
    expect(change.after).not.toBe(change.before)
  })

  test('of an override that the other side has alone leaves a tombstone of a later revision', () => {
    const { action, before, after } = getChange(
      planWrite(repair('user_override', 3), onOverride(null)),
    )
    expect({ action, before }).toEqual({ action: 'override.repair', before: null })
    expect(after).toEqual({
      user_id: USER,
      flag_key: FLAG,
      created_by: ACTOR,
      updated_by: ACTOR,
      revision: 4,
      created_at: NOW,
      updated_at: NOW,
      deleted_at: NOW,
    })
  })

  test.each([
    [
      'of a flag that the authority lacks',
      repair('flag_registry', 1),
      onFlag(null),
      'flag_unknown',
    ],
    [
      'of an override without its flag',
      repair('user_override', 1),
      onOverride(null, null),
      'flag_unknown',
    ],
    [
      'of an override that neither side has',
      repair('user_override'),
      onOverride(null),
      'override_unknown',
    ],
    ['above the last revision', repair('user_override', MOST), onOverride(null), 'form_wrong'],
  ])('%s is refused', (_what, asked, standing, code) => {
    expect(refusals(planWrite(asked, standing)).map(([one]) => one)).toEqual([code])
  })
})
