import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApprovalAnswer } from '../../../src/core/evaluate/types.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import type { WriteRequest } from '../../../src/core/rows/write-request.ts'
import {
  type AnyRow,
  getRowKey,
  type RowKey,
  type RowsOfFlag,
  type TableName,
} from '../../../src/core/rows/rows.ts'
import type { FlagStore } from '../../../src/ports/store.ts'
import type { AuditRecord } from '../../../src/core/audit/record.ts'
import { changesIn, expectChain } from './audit-chain.ts'
import { DEEPEST, FLAG_BY_KIND, HOSTILE_BODIES, type Kind, type Verdict } from './hostile-bodies.ts'
import { HOSTILE_FLAG_KEYS, HOSTILE_TENANT_IDS } from './hostile-keys.ts'
import { useFreshStore, useSharedStore } from './store-fixture.ts'
import type { Backing, OpenedStore } from './opened-store.ts'
import { servedSuite } from './served-suite.ts'
import {
  attempt,
  flagKey,
  LATER,
  type Members,
  NOW,
  type Outcome,
  overrideText,
  put,
  putFlag,
  putTenant,
  putUser,
  refused,
  remove,
  taken,
} from './requests.ts'

/** Tests that every implementation of `FlagStore` must pass: rows, revisions, approvals, audit. */
export function contractSuite(backing: Backing): void {
  describe(backing.name, () => {
    afterAll(() => backing.stop())
    describe('rows', () => rows(backing))
    describe('expected revisions', () => expectedRevisions(backing))
    describe('the type of a flag with overrides', () => guards(backing))
    describe('approvals', () => approvals(backing))
    describe('hostile bodies', () => hostileBodies(backing))
    describe('the deepest values', () => deepestValues(backing))
    describe('hostile keys', () => hostileKeys(backing))
    describe('concurrent writers', () => writersAtOnce(backing))
    describe('the audit trail', () => auditTrail(backing))
    describe('operations of a service', () => servedSuite(useFreshStore(backing)))
  })
}

const OVERRIDES = [
  ['tenant_override', 'tenant'],
  ['user_override', 'user'],
] as const
const FLAG = 'ff.checkout'
const KEY = { scope_id: 'A1', flag_key: FLAG }

const readAll = (store: FlagStore, flag_key = FLAG): Promise<RowsOfFlag> =>
  store.read({ flag_key, tenant_id: 'A1', user_id: 'A1' })

async function readRow(store: FlagStore, table: TableName, key: RowKey): Promise<unknown> {
  const set = await store.read({
    flag_key: key.flag_key,
    tenant_id: table === 'tenant_override' ? key.scope_id : null,
    user_id: table === 'user_override' ? key.scope_id : null,
  })
  const of = { flag_registry: set.flag, tenant_override: set.tenant, user_override: set.user }
  return of[table]
}

function rows(backing: Backing): void {
  const at = useFreshStore(backing)
  const none: RowsOfFlag = { flag: null, tenant: null, user: null }

  test('an empty store has no rows, and no audit record of a change', async () => {
    expect(await readAll(at.store)).toStrictEqual(none)
    const records = await at.opened.records()
    expect(changesIn(records)).toStrictEqual([])
    expectChain(records, await at.store.auditHead())
  })

  test.each([
    [{ tenant_id: 'A1', user_id: 'A1' }, ['flag', 'tenant', 'user']],
    [{ tenant_id: 'A1', user_id: null }, ['flag', 'tenant']],
    [{ tenant_id: null, user_id: 'A1' }, ['flag', 'user']],
    [{ tenant_id: null, user_id: null }, ['flag']],
    [{ tenant_id: 'A2', user_id: 'a1' }, ['flag']],
  ] as const)('a question for %j is answered by the layers %j alone', async (ids, layers) => {
    await taken(at.store, putFlag(FLAG))
    await taken(at.store, putTenant('A1', FLAG, overrideText('true')))
    await taken(at.store, putUser('A1', FLAG, overrideText('true')))
    const set = await at.store.read({ flag_key: FLAG, ...ids })
    const found = Object.entries(set).filter(([, held]) => held !== null)
    expect(found.map(([layer]) => layer)).toStrictEqual(layers)
  })

  test('a question for another flag finds nothing of this one', async () => {
    await taken(at.store, putFlag(FLAG))
    await taken(at.store, putTenant('A1', FLAG, overrideText('true')))
    expect(await readAll(at.store, 'ff.checkout2')).toStrictEqual(none)
    expect(await readAll(at.store, 'ff.check')).toStrictEqual(none)
  })

  test.each([
    ['U+0000 in the flag key', { flag_key: 'ff.\u0000', tenant_id: 'A1', user_id: 'A1' }],
    ['U+0000 in the tenant', { flag_key: 'ff.none', tenant_id: 'A\u0000', user_id: null }],
    ['a lone surrogate', { flag_key: 'ff.\ud800', tenant_id: '\udc00', user_id: '\ud800' }],
    [
      '10,000 letters',
      { flag_key: 'x'.repeat(10_000), tenant_id: 'x'.repeat(10_000), user_id: null },
    ],
    ['empty words', { flag_key: '', tenant_id: '', user_id: '' }],
    ['SQL', { flag_key: "'; --", tenant_id: '$1', user_id: '"' }],
    ['__proto__', { flag_key: '__proto__', tenant_id: '__proto__', user_id: 'constructor' }],
  ])('a question with %s finds nothing', async (_situation, query) => {
    await taken(at.store, putFlag(FLAG))
    expect(await at.store.read(query)).toStrictEqual(none)
  })

  test('a new flag is stored with the times and revision of the store', async () => {
    const row = await taken(at.store, putFlag(FLAG))
    expect(row).toStrictEqual({
      flag_key: FLAG,
      value_type: 'boolean',
      default_value: 'false',
      safe_value: 'false',
      sensitive: false,
      required_auth: 'none',
      state: 'active',
      description: 'as it was',
      owner: 'team-a',
      revision: 1,
      created_at: NOW,
      updated_at: NOW,
    })
    expect((await readAll(at.store)).flag).toStrictEqual({ row })
  })

  test('a changed flag keeps created_at, and its revision grows by one', async () => {
    await taken(at.store, putFlag(FLAG))
    const row = await taken(
      at.store,
      putFlag(FLAG, { default_value: 'true', owner: '""' }, { occurred_at: LATER }),
    )
    expect(row).toMatchObject({
      default_value: 'true',
      owner: '',
      revision: 2,
      created_at: NOW,
      updated_at: LATER,
    })
    expect((await readAll(at.store)).flag).toStrictEqual({ row })
  })

  test.each(['description', 'owner', 'sensitive', 'state', 'safe_value'])(
    'a flag without %s is refused',
    async (name) => {
      const whole = JSON.parse(flagBody()) as Record<string, unknown>
      const { [name]: _, ...rest } = whole
      const write = put('flag_registry', flagKey(FLAG), JSON.stringify(rest))
      expect(await attempt(at.store, write)).toStrictEqual(refused('member_missing', `/${name}`))
    },
  )

  test.each([
    ['default_value', '"x"', 'value_type_mismatch'],
    ['safe_value', '1', 'value_type_mismatch'],
    ['default_value', '1e400', 'number_not_canonical'],
    ['safe_value', '[]', 'value_type_unsupported'],
    ['value_type', '"array"', 'form_wrong'],
    ['required_auth', '"some"', 'form_wrong'],
    ['state', '"paused"', 'form_wrong'],
    ['sensitive', '"true"', 'type_wrong'],
    ['sensitive', '1', 'type_wrong'],
    ['sensitive', 'null', 'type_wrong'],
    ['description', '"\\u0000"', 'nul_character'],
    ['owner', '"\\ud800"', 'lone_surrogate'],
    ['description', JSON.stringify('x'.repeat(2_049)), 'text_too_long'],
  ] as const)('a flag whose %s is %.40s is refused as %s', async (name, text, code) => {
    const outcome = await attempt(at.store, putFlag(FLAG, { [name]: text }))
    expect(outcome).toStrictEqual(refused(code, `/${name}`))
    expect((await readAll(at.store)).flag).toBeNull()
  })

  test('deleting a flag archives it, and its row stays', async () => {
    await taken(at.store, putFlag(FLAG))
    const row = await taken(
      at.store,
      remove('flag_registry', flagKey(FLAG), { occurred_at: LATER }),
    )
    expect(row).toMatchObject({
      state: 'archived',
      revision: 2,
      created_at: NOW,
      updated_at: LATER,
    })
    expect((await readAll(at.store)).flag).toStrictEqual({ row })
  })

  test('an archived flag takes no change, no second deletion and no override', async () => {
    await taken(at.store, putFlag(FLAG))
    await taken(at.store, remove('flag_registry', flagKey(FLAG)))
    const outcomes = [
      await attempt(at.store, putFlag(FLAG)),
      await attempt(at.store, remove('flag_registry', flagKey(FLAG))),
      await attempt(at.store, putTenant('A1', FLAG, overrideText('true'))),
      await attempt(at.store, putUser('A1', FLAG, overrideText('true'))),
    ]
    expect(outcomes).toStrictEqual([
      refused('flag_archived', '/state'),
      refused('flag_archived', ''),
      refused('flag_archived', '/flag_key'),
      refused('flag_archived', '/flag_key'),
    ])
  })

  test('deleting an unknown flag is refused', async () => {
    const outcome = await attempt(at.store, remove('flag_registry', flagKey(FLAG)))
    expect(outcome).toStrictEqual(refused('flag_unknown', ''))
  })

  test.each(OVERRIDES)(
    'a %s keeps every member, and the absent ones stay absent',
    async (table, scope) => {
      await taken(at.store, putFlag(FLAG))
      const bare = await taken(at.store, put(table, KEY, overrideText('true')))
      expect(bare).toStrictEqual({
        [`${scope}_id`]: 'A1',
        flag_key: FLAG,
        value: 'true',
        created_by: 'U-editor',
        updated_by: 'U-editor',
        revision: 1,
        created_at: NOW,
        updated_at: NOW,
      })
      const full = await taken(
        at.store,
        put(table, KEY, overrideText('false', OPTIONAL), { actor: 'U-other', occurred_at: LATER }),
      )
      expect(full).toMatchObject({
        value: 'false',
        approval_ref: 'APP-1-a',
        note: '',
        expires_at: '2030-01-01T00:00:00.120Z',
        created_by: 'U-editor',
        updated_by: 'U-other',
        revision: 2,
        created_at: NOW,
        updated_at: LATER,
      })
      expect(await readRow(at.store, table, KEY)).toStrictEqual({ row: full })
      const again = await taken(at.store, put(table, KEY, overrideText('true')))
      expect(again).toStrictEqual({ ...bare, revision: 3 })
      expect(await readRow(at.store, table, KEY)).toStrictEqual({ row: again })
    },
  )

  test.each(OVERRIDES)(
    'a deleted %s leaves a bare tombstone, and its revision goes on',
    async (table, scope) => {
      await taken(at.store, putFlag(FLAG))
      await taken(at.store, put(table, KEY, overrideText('true', OPTIONAL)))
      const tombstone = await taken(
        at.store,
        remove(table, KEY, { actor: 'U-remover', occurred_at: LATER }),
      )
      expect(tombstone).toStrictEqual({
        [`${scope}_id`]: 'A1',
        flag_key: FLAG,
        created_by: 'U-editor',
        updated_by: 'U-remover',
        revision: 2,
        created_at: NOW,
        updated_at: LATER,
        deleted_at: LATER,
      })
      expect(await readRow(at.store, table, KEY)).toStrictEqual({ row: tombstone })
      expect(await attempt(at.store, remove(table, KEY))).toStrictEqual(
        refused('override_unknown', ''),
      )
      const again = await taken(
        at.store,
        put(table, KEY, overrideText('false'), { actor: 'U-new' }),
      )
      expect(again).toMatchObject({ revision: 3, value: 'false', created_by: 'U-new' })
      expect(again).not.toHaveProperty('deleted_at')
      expect(await readRow(at.store, table, KEY)).toStrictEqual({ row: again })
    },
  )

  test.each(OVERRIDES)('an unknown %s cannot be deleted', async (table) => {
    await taken(at.store, putFlag(FLAG))
    expect(await attempt(at.store, remove(table, KEY))).toStrictEqual(
      refused('override_unknown', ''),
    )
  })

  test.each(OVERRIDES)('a %s of an unknown flag is refused and leaves nothing', async (table) => {
    const outcome = await attempt(at.store, put(table, KEY, overrideText('true')))
    expect(outcome).toStrictEqual(refused('flag_unknown', '/flag_key'))
    expect(await readAll(at.store)).toStrictEqual(none)
  })

  test('a tenant and a user with the same id have separate overrides', async () => {
    await taken(at.store, putFlag(FLAG))
    await taken(at.store, putTenant('A1', FLAG, overrideText('true')))
    await taken(at.store, putUser('A1', FLAG, overrideText('false')))
    await taken(at.store, remove('tenant_override', KEY))
    const { tenant, user } = await readAll(at.store)
    expect(tenant?.row).toHaveProperty('deleted_at')
    expect(user?.row).toMatchObject({ value: 'false', revision: 1 })
  })

  test('a restart changes neither rows nor the audit head', async () => {
    await taken(at.store, putFlag(FLAG, { description: '"\\u2028😀\\u0001"' }))
    await taken(at.store, putTenant('A1', FLAG, overrideText('true', OPTIONAL)))
    await taken(at.store, putUser('A1', FLAG, overrideText('true')))
    await taken(at.store, remove('user_override', KEY))
    const before = [await readAll(at.store), await at.store.auditHead()]
    const again = await at.opened.reopen()
    expect([await readAll(again), await again.auditHead()]).toStrictEqual(before)
    expect(await taken(again, putFlag(FLAG))).toMatchObject({ revision: 2 })
  })

  test('loaded rows come back unchanged, and no audit record is written', async () => {
    const flag = await taken(at.store, putFlag(FLAG))
    const tenant = await taken(at.store, putTenant('A1', FLAG, overrideText('true', OPTIONAL)))
    const user = await taken(at.store, putUser('A1', FLAG, overrideText('true')))
    const tombstone = await taken(at.store, remove('user_override', getRowKey(user)))
    const head = await at.store.auditHead()
    const wanted = [
      { ...flag, revision: 9_007_199_254_740_991 },
      { ...tenant, revision: 41 },
      { ...tombstone, revision: 7 },
    ]
    await at.store.load({
      flag_registry: [wanted[0]],
      tenant_override: [wanted[1]],
      user_override: [wanted[2]],
    } as never)
    const set = await readAll(at.store)
    expect([set.flag?.row, set.tenant?.row, set.user?.row]).toStrictEqual(wanted)
    expect(await at.store.auditHead()).toStrictEqual(head)
    await at.store.load({ flag_registry: [], tenant_override: [], user_override: [] })
    expect(await readAll(at.store)).toStrictEqual(none)
  })

  test('a row with the greatest revision refuses the next write', async () => {
    const flag = await taken(at.store, putFlag(FLAG))
    const last = { ...flag, revision: 9_007_199_254_740_991 }
    await at.store.load({ flag_registry: [last], tenant_override: [], user_override: [] } as never)
    expect(await attempt(at.store, putFlag(FLAG))).toStrictEqual(refused('form_wrong', '/revision'))
    expect(await attempt(at.store, remove('flag_registry', flagKey(FLAG)))).toStrictEqual(
      refused('form_wrong', '/revision'),
    )
    expect((await readAll(at.store)).flag).toStrictEqual({ row: last })
  })
}

const OPTIONAL: Members = {
  approval_ref: '"APP-1-a"',
  note: '""',
  expires_at: '"2030-01-01T00:00:00.120Z"',
}
const flagBody = (): string =>
  JSON.stringify({
    value_type: 'boolean',
    default_value: false,
    safe_value: false,
    sensitive: false,
    required_auth: 'none',
    state: 'active',
    description: '',
    owner: '',
  })

function expectedRevisions(backing: Backing): void {
  const at = useFreshStore(backing)
  const CONFLICT = refused('revision_conflict', '')
  type Writes = readonly [string, (more: Partial<WriteRequest>) => WriteRequest, RowKey, TableName]
  const kinds: readonly Writes[] = [
    ['flag', (more) => putFlag(FLAG, {}, more), flagKey(FLAG), 'flag_registry'],
    [
      'tenant override',
      (more) => putTenant('A1', FLAG, overrideText('true'), more),
      KEY,
      'tenant_override',
    ],
    [
      'user override',
      (more) => putUser('A1', FLAG, overrideText('true'), more),
      KEY,
      'user_override',
    ],
  ]

  test.each(kinds)(
    'a write of a %s succeeds only with its current revision',
    async (_what, write, key, table) => {
      if (table !== 'flag_registry') await taken(at.store, putFlag(FLAG))
      expect(await attempt(at.store, write({ expected: 1 }))).toStrictEqual(CONFLICT)
      expect(await taken(at.store, write({ expected: 'absent' }))).toMatchObject({ revision: 1 })
      expect(await attempt(at.store, write({ expected: 'absent' }))).toStrictEqual(CONFLICT)
      expect(await taken(at.store, write({ expected: 1 }))).toMatchObject({ revision: 2 })
      expect(await attempt(at.store, write({ expected: 1 }))).toStrictEqual(CONFLICT)
      expect(await attempt(at.store, write({ expected: 3 }))).toStrictEqual(CONFLICT)
      expect(await attempt(at.store, remove(table, key, { expected: 1 }))).toStrictEqual(CONFLICT)
      expect(await taken(at.store, remove(table, key, { expected: 2 }))).toMatchObject({
        revision: 3,
      })
    },
  )

  test.each(OVERRIDES)('a deleted %s counts as absent', async (table) => {
    await taken(at.store, putFlag(FLAG))
    await taken(at.store, put(table, KEY, overrideText('true')))
    await taken(at.store, remove(table, KEY))
    const stale = put(table, KEY, overrideText('true'), { expected: 2 })
    expect(await attempt(at.store, stale)).toStrictEqual(CONFLICT)
    const anew = put(table, KEY, overrideText('true'), { expected: 'absent' })
    expect(await taken(at.store, anew)).toMatchObject({ revision: 3 })
  })

  test('a refused write changes neither the row nor the chain', async () => {
    await taken(at.store, putFlag(FLAG))
    const before = [await readAll(at.store), await at.store.auditHead(), await at.opened.records()]
    await attempt(at.store, putFlag(FLAG, { default_value: 'true' }, { expected: 7 }))
    await attempt(at.store, putFlag(FLAG, { default_value: '"x"' }))
    await attempt(at.store, putTenant('A1', 'ff.other', overrideText('true')))
    const after = [await readAll(at.store), await at.store.auditHead(), await at.opened.records()]
    expect(after).toStrictEqual(before)
  })
}

const STRING: Members = { value_type: '"string"', default_value: '"a"', safe_value: '"b"' }

function guards(backing: Backing): void {
  const at = useFreshStore(backing)
  const IN_USE = refused('type_in_use', '/value_type')

  test.each(OVERRIDES)('the type of a flag cannot change while it has a %s', async (table) => {
    await taken(at.store, putFlag(FLAG))
    await taken(at.store, put(table, KEY, overrideText('true')))
    expect(await attempt(at.store, putFlag(FLAG, STRING))).toStrictEqual(IN_USE)
    await taken(at.store, remove(table, KEY))
    expect(await taken(at.store, putFlag(FLAG, STRING))).toMatchObject({ value_type: 'string' })
    expect(await attempt(at.store, put(table, KEY, overrideText('true')))).toStrictEqual(
      refused('value_type_mismatch', '/value'),
    )
    expect(await taken(at.store, put(table, KEY, overrideText('"x"')))).toMatchObject({
      revision: 3,
    })
    expect(await attempt(at.store, putFlag(FLAG))).toStrictEqual(IN_USE)
  })

  test('an expired override counts as one', async () => {
    await taken(at.store, putFlag(FLAG))
    const gone = { expires_at: '"2001-01-01T00:00:00.000Z"' }
    await taken(at.store, putTenant('A1', FLAG, overrideText('true', gone)))
    expect(await attempt(at.store, putFlag(FLAG, STRING))).toStrictEqual(IN_USE)
  })

  test('overrides of another flag do not count', async () => {
    await taken(at.store, putFlag(FLAG))
    await taken(at.store, putFlag('ff.other'))
    await taken(at.store, putTenant('A1', 'ff.other', overrideText('true')))
    expect(await taken(at.store, putFlag(FLAG, STRING))).toMatchObject({ revision: 2 })
  })

  test('overrides count after a restart', async () => {
    await taken(at.store, putFlag(FLAG))
    await taken(at.store, putTenant('A1', FLAG, overrideText('true')))
    await taken(at.store, putTenant('A2', FLAG, overrideText('true')))
    await taken(at.store, remove('tenant_override', KEY))
    const again = await at.opened.reopen()
    expect(await attempt(again, putFlag(FLAG, STRING))).toStrictEqual(IN_USE)
  })

  test('the refusal names every value of the wrong type', async () => {
    const outcome = await attempt(at.store, putFlag(FLAG, { value_type: '"object"' }))
    expect(outcome).toStrictEqual({
      refused: [
        { code: 'value_type_mismatch', pointer: '/default_value' },
        { code: 'value_type_mismatch', pointer: '/safe_value' },
      ],
    })
  })

  test('a killed flag accepts overrides', async () => {
    await taken(at.store, putFlag(FLAG, { state: '"killed"' }))
    expect(await taken(at.store, putTenant('A1', FLAG, overrideText('true')))).toMatchObject({
      revision: 1,
    })
  })

  test('flags whose keys differ by one character have separate rows', async () => {
    const names = ['ff.a-b', 'ff.a.b', 'ff.a_b', 'ff.ab']
    for (const name of names) await taken(at.store, putFlag(name, { owner: JSON.stringify(name) }))
    const owners = await Promise.all(
      names.map(async (flag_key) => (await readAll(at.store, flag_key)).flag?.row?.owner),
    )
    expect(owners).toStrictEqual(names)
  })
}

const known = (not_before: string, expires_at: string, revoked = false): ApprovalAnswer => ({
  status: 'known',
  revoked,
  not_before: not_before as Instant,
  expires_at: expires_at as Instant,
})
const PAST = '2025-01-01T00:00:00.000Z'
const FUTURE = '2027-01-01T00:00:00.000Z'
type Answer = readonly [situation: string, answer: ApprovalAnswer | null, code: string | null]
const ANSWERS: readonly Answer[] = [
  ['no approval', null, 'approval_missing'],
  ['an Admin that cannot be reached', { status: 'unreachable' }, 'admin_unreachable'],
  ['an unknown approval', { status: 'unknown' }, 'approval_unknown'],
  ['a revoked approval', known(PAST, FUTURE, true), 'approval_revoked'],
  ['an approval from the next millisecond on', known(LATER, FUTURE), 'approval_not_yet_valid'],
  ['an approval until this millisecond', known(PAST, NOW), 'approval_expired'],
  ['an approval until the next millisecond', known(PAST, LATER), null],
  ['an approval from this millisecond on', known(NOW, FUTURE), null],
  ['a valid approval', known(PAST, FUTURE), null],
]
type Loosening = readonly [what: string, before: Members, after: Members]
const LOOSENINGS: readonly Loosening[] = [
  ['clearing sensitive', { sensitive: 'true' }, { sensitive: 'false' }],
  ['lowering verified to any', { required_auth: '"verified"' }, { required_auth: '"any"' }],
  ['lowering verified to none', { required_auth: '"verified"' }, { required_auth: '"none"' }],
  ['lowering any to none', { required_auth: '"any"' }, { required_auth: '"none"' }],
  ['activating a killed flag', { state: '"killed"' }, { state: '"active"' }],
]
type Tightening = readonly [what: string, before: Members, after: Members, action: string]
const TIGHTENINGS: readonly Tightening[] = [
  ['setting sensitive', {}, { sensitive: 'true' }, 'flag.put'],
  [
    'raising required_auth',
    { required_auth: '"any"' },
    { required_auth: '"verified"' },
    'flag.put',
  ],
  ['killing', {}, { state: '"killed"' }, 'flag.put'],
  ['killing again', { state: '"killed"' }, { state: '"killed"' }, 'flag.put'],
  [
    'another value',
    { sensitive: 'true' },
    { sensitive: 'true', default_value: 'true' },
    'flag.put',
  ],
]

function approvals(backing: Backing): void {
  const at = useSharedStore(backing)
  let count = 0
  const nextFlag = (): string => `ff.case.${(count += 1)}`
  const toChanges = async (flag: string): Promise<readonly AuditRecord[]> =>
    (await at.opened.records()).filter(({ target }) => target === `flag/${flag}`)
  const table = LOOSENINGS.flatMap(([what, before, after]) =>
    ANSWERS.map(([situation, answer, code]) => ({ what, situation, before, after, answer, code })),
  )

  test.each(table)('$what with $situation', async ({ before, after, answer, code }) => {
    const flag = nextFlag()
    const first = await taken(at.store, putFlag(flag, before))
    const approval = answer === null ? null : { approval_ref: 'APP-1-a', answer }
    const outcome = await attempt(at.store, putFlag(flag, after, { approval }))
    const held = (await readAll(at.store, flag)).flag
    const changes = await toChanges(flag)
    if (code === null) {
      expect(outcome).toStrictEqual({ taken: { ...first, ...plain(after), revision: 2 } })
      expect(held).toStrictEqual({ row: { ...first, ...plain(after), revision: 2 } })
      expect(changes).toHaveLength(2)
      expect(changes[1]).toMatchObject({ action: 'audit.boundary', approval_ref: 'APP-1-a' })
    } else {
      expect(outcome).toStrictEqual(refused(code as never, '/approval_ref'))
      expect(held).toStrictEqual({ row: first })
      expect(changes).toHaveLength(1)
    }
  })

  test.each(TIGHTENINGS)('%s needs no approval', async (_what, before, after, action) => {
    const flag = nextFlag()
    await taken(at.store, putFlag(flag, before))
    await taken(at.store, putFlag(flag, after))
    const changes = await toChanges(flag)
    expect(changes.map((record) => record.action)).toStrictEqual(['flag.put', action])
  })

  test('an archived flag stays archived despite a valid approval', async () => {
    const flag = nextFlag()
    await taken(at.store, putFlag(flag))
    await taken(at.store, remove('flag_registry', flagKey(flag)))
    const approval = { approval_ref: 'APP-1-a', answer: known(PAST, FUTURE) }
    expect(await attempt(at.store, putFlag(flag, {}, { approval }))).toStrictEqual(
      refused('flag_archived', '/state'),
    )
  })
}

const plain = (members: Members): Record<string, unknown> =>
  Object.fromEntries(Object.entries(members).map(([name, text]) => [name, JSON.parse(text)]))

const TYPES: Readonly<Record<Kind, Members>> = {
  boolean: {},
  string: STRING,
  number: { value_type: '"number"', default_value: '0', safe_value: '0' },
  object: { value_type: '"object"', default_value: '{}', safe_value: '{}' },
}
export async function makeFlagOfEachKind(store: FlagStore): Promise<void> {
  for (const kind of Object.keys(FLAG_BY_KIND) as Kind[])
    await taken(store, putFlag(FLAG_BY_KIND[kind], TYPES[kind]))
}

function hostileBodies(backing: Backing): void {
  const held: { opened?: OpenedStore; rows: [RowKey, AnyRow][] } = { rows: [] }
  const opened = (): OpenedStore => {
    if (held.opened === undefined) throw new Error('no store is open')
    return held.opened
  }
  beforeAll(async () => {
    held.opened = await backing.open()
    await makeFlagOfEachKind(opened().store)
  })
  afterAll(() => opened().close())

  test.each(HOSTILE_BODIES)('$kind: $situation', async ({ situation, kind, text, verdict }) => {
    const key = keyFor(situation, kind)
    const { store } = opened()
    const outcome = await attempt(store, put('tenant_override', key, text))
    const seen = await readRow(store, 'tenant_override', key)
    expect(summarize(outcome)).toStrictEqual(wanted(verdict))
    if (!('taken' in outcome)) return expect(seen).toBeNull()
    expect(seen).toStrictEqual({ row: outcome.taken })
    held.rows.push([key, outcome.taken])
  })

  test('every stored row is there after a restart, and the chain holds', async () => {
    const stored = HOSTILE_BODIES.filter(({ verdict }) => 'stored' in verdict)
    expect(held.rows).toHaveLength(stored.length)
    const again = await opened().reopen()
    for (const [key, row] of held.rows)
      expect(await readRow(again, 'tenant_override', key)).toStrictEqual({ row })
    const records = await opened().records()
    expect(changesIn(records)).toHaveLength(held.rows.length + Object.keys(FLAG_BY_KIND).length)
    expectChain(records, await again.auditHead())
  })
}

/** The key of a hostile body: a tenant for each situation. */
export const keyFor = (situation: string, kind: Kind): RowKey => ({
  scope_id: `T-${HOSTILE_BODIES.findIndex((body) => body.situation === situation && body.kind === kind)}`,
  flag_key: FLAG_BY_KIND[kind],
})

const wanted = (verdict: Verdict): unknown => verdict
function summarize(outcome: Outcome): unknown {
  if ('taken' in outcome) return { stored: 'value' in outcome.taken ? outcome.taken.value : null }
  if ('thrown' in outcome) return outcome
  return { refused: outcome.refused.map(({ code, pointer }) => [code, pointer]) }
}

function deepestValues(backing: Backing): void {
  const at = useFreshStore(backing)

  test.each(DEEPEST)('%s of the greatest depth are there after a restart', async (_what, text) => {
    await taken(at.store, putFlag(FLAG, { ...TYPES.object, default_value: text }))
    const row = await taken(at.store, putTenant('A1', FLAG, overrideText(text)))
    expect(row).toMatchObject({ value: text })
    const again = await at.opened.reopen()
    expect((await readAll(again)).tenant).toStrictEqual({ row })
    expect((await readAll(again)).flag?.row).toMatchObject({ default_value: text })
  })
}

function hostileKeys(backing: Backing): void {
  const at = useSharedStore(backing)

  test.each(HOSTILE_FLAG_KEYS)('deleting an unknown row: %s', async (_situation, key, verdict) => {
    // A malformed key is refused before the store looks for the row.
    const unknown = (code: 'flag_unknown' | 'override_unknown'): Outcome =>
      verdict === 'taken' ? refused(code, '') : refused(...verdict)
    expect(await attempt(at.store, remove('flag_registry', flagKey(key)))).toStrictEqual(
      unknown('flag_unknown'),
    )
    expect(
      await attempt(at.store, remove('user_override', { scope_id: 'A1', flag_key: key })),
    ).toStrictEqual(unknown('override_unknown'))
  })

  test.each(HOSTILE_FLAG_KEYS)(
    'an override of an unknown flag: %s',
    async (_situation, key, verdict) => {
      const outcome = await attempt(at.store, putTenant('A1', key, overrideText('true')))
      expect(outcome).toStrictEqual(
        verdict === 'taken' ? refused('flag_unknown', '/flag_key') : refused(...verdict),
      )
    },
  )

  test.each(HOSTILE_FLAG_KEYS)('a flag key: %s', async (_situation, key, verdict) => {
    const outcome = await attempt(at.store, putFlag(key))
    if (verdict !== 'taken') return expect(outcome).toStrictEqual(refused(...verdict))
    expect(outcome).toMatchObject({ taken: { flag_key: key } })
    expect(await readRow(at.store, 'flag_registry', flagKey(key))).toStrictEqual({
      row: 'taken' in outcome ? outcome.taken : null,
    })
  })

  test('tenant ids', async () => {
    await taken(at.store, putFlag(FLAG))
    const answers: unknown[] = []
    for (const [situation, id] of HOSTILE_TENANT_IDS) {
      const outcome = await attempt(at.store, putTenant(id, FLAG, overrideText('true')))
      const made = 'taken' in outcome ? getRowKey(outcome.taken).scope_id === id : outcome
      answers.push([situation, made])
    }
    expect(answers).toStrictEqual(
      HOSTILE_TENANT_IDS.map(([situation, , verdict]) => [
        situation,
        verdict === 'taken' ? true : refused(...verdict),
      ]),
    )
  })

  test('an override without its scope id is refused', async () => {
    await taken(at.store, putFlag(FLAG))
    const key = { scope_id: null, flag_key: FLAG }
    expect(
      await attempt(at.store, put('tenant_override', key, overrideText('true'))),
    ).toStrictEqual(refused('form_wrong', '/tenant_id'))
    expect(await attempt(at.store, put('user_override', key, overrideText('true')))).toStrictEqual(
      refused('form_wrong', '/user_id'),
    )
  })

  test.each(OVERRIDES)(
    'a write of a %s by an actor with a malformed id is refused',
    async (table) => {
      await taken(at.store, putFlag(FLAG))
      const write = put(table, KEY, overrideText('true'), { actor: 'two words' })
      expect(await attempt(at.store, write)).toStrictEqual(refused('form_wrong', '/actor'))
    },
  )
}

function writersAtOnce(backing: Backing): void {
  const at = useFreshStore(backing)
  const writers = Array.from({ length: 50 }, (_, writer) => `U-${writer}`)
  const edits = Array.from({ length: 10 }, (_, edit) => edit)

  test('50 writers without an expected revision lose no edit', async () => {
    await taken(at.store, putFlag(FLAG))
    const revisions = await Promise.all(
      writers.map(async (actor) => {
        const seen: number[] = []
        for (const edit of edits) {
          const row = await taken(
            at.store,
            putFlag(FLAG, { owner: `"${actor}/${edit}"` }, { actor }),
          )
          seen.push(row.revision)
        }
        return seen
      }),
    )
    const all = revisions.flat().sort((a, b) => a - b)
    expect(all).toStrictEqual(Array.from({ length: 500 }, (_, at) => at + 2))
    expect((await readAll(at.store)).flag?.row?.revision).toBe(501)
    const records = await at.opened.records()
    expect(changesIn(records)).toHaveLength(501)
    expectChain(records, await at.store.auditHead())
  })

  test('50 writers with an expected revision either write or get a conflict', async () => {
    await taken(at.store, putFlag(FLAG))
    const outcomes = await Promise.all(
      writers.map(async (actor) => {
        const seen: Outcome[] = []
        for (const _ of edits) {
          const expected = (await readAll(at.store)).flag?.row?.revision ?? 0
          seen.push(await attempt(at.store, putFlag(FLAG, {}, { actor, expected })))
        }
        return seen
      }),
    )
    const all = outcomes.flat()
    const accepted = all.filter((one) => 'taken' in one)
    const conflicts = all.filter((one) => 'refused' in one)
    expect(conflicts.every((one) => one.refused[0]?.code === 'revision_conflict')).toBe(true)
    expect([accepted.length + conflicts.length, all.length]).toStrictEqual([500, 500])
    expect(accepted.length).toBeGreaterThan(0)
    expect(conflicts.length).toBeGreaterThan(0)
    expect((await readAll(at.store)).flag?.row?.revision).toBe(1 + accepted.length)
    const records = await at.opened.records()
    expect(changesIn(records)).toHaveLength(1 + accepted.length)
    expectChain(records, await at.store.auditHead())
  })

  test('of 50 writers that create the same override, one succeeds', async () => {
    await taken(at.store, putFlag(FLAG))
    const outcomes = await Promise.all(
      writers.map((actor) =>
        attempt(
          at.store,
          putTenant('A1', FLAG, overrideText('true'), { actor, expected: 'absent' }),
        ),
      ),
    )
    expect(outcomes.filter((one) => 'taken' in one)).toHaveLength(1)
    expect(outcomes.filter((one) => 'refused' in one)).toHaveLength(49)
  })

  test('a change of type and a concurrent override never leave a value of the wrong type', async () => {
    const endings = new Set<string>()
    for (const round of Array.from({ length: 20 }, (_, round) => round)) {
      const flag = `ff.round.${round}`
      await taken(at.store, putFlag(flag))
      const writes = [putFlag(flag, STRING), putTenant('A1', flag, overrideText('true'))]
      const turned = round % 2 === 0 ? writes : writes.toReversed()
      await Promise.all(turned.map((write) => attempt(at.store, write)))
      const { flag: left, tenant } = await readAll(at.store, flag)
      endings.add(`${left?.row?.value_type} ${tenant?.row?.value ?? 'none'}`)
    }
    expect(endings.size).toBeGreaterThan(0)
    expect(
      [...endings].filter((end) => end !== 'boolean true' && end !== 'string none'),
    ).toStrictEqual([])
  })
}

function auditTrail(backing: Backing): void {
  const at = useFreshStore(backing)
  const SECRET = 'kept-to-itself-7f3a'
  const SECRET_TEXT = {
    value_type: '"string"',
    default_value: `"${SECRET}"`,
    safe_value: `"${SECRET}"`,
  }

  test('each accepted write leaves one record, and the chain can be recomputed', async () => {
    const writes = [
      putFlag(FLAG),
      putTenant('A1', FLAG, overrideText('true', OPTIONAL), { occurred_at: LATER }),
      putUser('A1', FLAG, overrideText('true'), { auth_mode: null, actor: 'importer' }),
      remove('user_override', KEY),
      remove('flag_registry', flagKey(FLAG)),
    ]
    for (const write of writes) await taken(at.store, write)
    const all = await at.opened.records()
    expectChain(all, await at.store.auditHead())
    const records = changesIn(all)
    expect(
      records.map(({ action, target, outcome, approval_ref }) => [
        action,
        target,
        outcome,
        approval_ref,
      ]),
    ).toStrictEqual([
      ['flag.put', `flag/${FLAG}`, 'applied', null],
      ['override.put', `tenant/A1/${FLAG}`, 'applied', 'APP-1-a'],
      ['override.put', `user/A1/${FLAG}`, 'applied', null],
      ['override.delete', `user/A1/${FLAG}`, 'applied', null],
      ['flag.archive', `flag/${FLAG}`, 'applied', null],
    ])
    expect(new Set(records.map(({ audit_id }) => audit_id)).size).toBe(5)
    expect(records.every(({ audit_id }) => /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(audit_id))).toBe(true)
    expect(records[1]).toMatchObject({ before: null, occurred_at: LATER, auth_mode: 'verified' })
    expect(records[2]).toMatchObject({ auth_mode: null, actor: 'importer' })
    expect(records[3]?.before).toBe(records[2]?.after)
  })

  test('a write returns the new audit head', async () => {
    const first = await at.store.write(putFlag(FLAG))
    const second = await at.store.write(putTenant('A1', FLAG, overrideText('true')))
    const records = await at.opened.records()
    const heads = changesIn(records).map(({ seq, hash }) => ({ seq, hash }))
    expect([first, second].map((result) => (result.ok ? result.head : null))).toStrictEqual(heads)
    expect(await at.store.auditHead()).toStrictEqual(heads.at(-1))
  })

  test('no record contains a value of a sensitive flag or of its overrides', async () => {
    await taken(at.store, putFlag(FLAG, { ...SECRET_TEXT, sensitive: 'true' }))
    await taken(at.store, putTenant('A1', FLAG, overrideText(`"${SECRET}"`)))
    await taken(at.store, putUser('A1', FLAG, overrideText(`"${SECRET}"`)))
    await taken(at.store, remove('tenant_override', KEY))
    const approval = { approval_ref: 'APP-1-a', answer: known(PAST, FUTURE) }
    await taken(at.store, putFlag(FLAG, { ...SECRET_TEXT, sensitive: 'false' }, { approval }))
    const records = await at.opened.records()
    expect(changesIn(records)).toHaveLength(5)
    expect(records.filter((record) => JSON.stringify(record).includes(SECRET))).toStrictEqual([])
    expect(records.filter(({ after }) => after?.includes('hmac_sha256'))).toHaveLength(4)
    expectChain(records, await at.store.auditHead())
  })

  test('the record of the write that makes a flag sensitive contains no value', async () => {
    await taken(
      at.store,
      putFlag(FLAG, { ...SECRET_TEXT, default_value: '"open"', safe_value: '"open"' }),
    )
    await taken(at.store, putFlag(FLAG, { ...SECRET_TEXT, sensitive: 'true' }))
    const [open, made] = changesIn(await at.opened.records())
    expect(open?.after).toContain('"open"')
    expect(JSON.stringify(made)).not.toContain(SECRET)
  })

  test('equal values of a sensitive flag have equal digests, different values different ones', async () => {
    await taken(at.store, putFlag(FLAG, { sensitive: 'true' }))
    for (const [id, value] of [
      ['A1', 'true'],
      ['A2', 'true'],
      ['A3', 'false'],
    ] as const)
      await taken(at.store, putTenant(id, FLAG, overrideText(value)))
    const digests = changesIn(await at.opened.records())
      .slice(1)
      .map(({ after }) => /"hmac_sha256":"([0-9a-f]{64})"/.exec(after ?? '')?.[1])
    expect(digests[0]).toBeDefined()
    expect(digests[1]).toBe(digests[0])
    expect(digests[2]).not.toBe(digests[0])
  })
}
