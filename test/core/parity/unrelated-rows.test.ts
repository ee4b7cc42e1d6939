import { describe, expect, test } from 'vitest'
import type { CanonicalJson } from '../../../src/core/json/canonical.ts'
import {
  listNearMisses,
  withNearMiss,
  withUnrelatedRows,
} from '../../../src/core/parity/unrelated-rows.ts'
import { WrittenRows } from '../../../src/core/parity/ledger.ts'
import type { Scene, SceneWrite } from '../../../src/core/parity/scene.ts'
import { decodeRow } from '../../../src/core/rows/decode-row.ts'
import {
  formatRowKey,
  getRowKey,
  type RowsByTable,
  serializeRow,
  TABLE_NAMES,
} from '../../../src/core/rows/rows.ts'
import { flagRow as flag, node, tenantRow, userRow } from '../builders.ts'

const state: RowsByTable = {
  flag_registry: [flag({ flag_key: 'ff.a' }), flag({ flag_key: 'ff.b' })],
  tenant_override: [tenantRow({ flag_key: 'ff.a' })],
  user_override: [],
}
const write = (flag_key: string): SceneWrite => ({
  table: 'flag_registry',
  key: { scope_id: null, flag_key },
  action: 'delete',
  body: null,
  expected: null,
  approval: null,
})
const ask = { caller: 'none', tenant_id: null, user_id: null, approval_ref: null } as const
const scene = (steps: Scene['steps']): Scene => ({
  given: { state, approvals: [], admin: 'reachable' },
  steps,
})

describe('withUnrelatedRows', () => {
  const asked = (flag_key: string) => withUnrelatedRows(scene([{ ask: { ...ask, flag_key } }]))

  test('keeps every row in reverse order, and adds unrelated ones', () => {
    const { flag_registry, tenant_override, user_override } = asked('ff.a')
    expect(flag_registry.slice(0, 2).map(({ flag_key }) => flag_key)).toEqual(['ff.b', 'ff.a'])
    expect(tenant_override.at(-1)).toBe(state.tenant_override[0])
    const owners = tenant_override.filter(({ flag_key }) => flag_key === 'ff.b')
    expect(owners.map(({ tenant_id }) => tenant_id)).toContain('T-stranger')
    expect(user_override.map(({ user_id }) => user_id)).toContain('U-stranger')
  })

  test('H6: adds near misses of each tenant, user and flag, and none that the scene names', () => {
    const { flag_registry, tenant_override, user_override } = withUnrelatedRows(
      scene([
        { ask: { ...ask, flag_key: 'ff.unknown', tenant_id: 'T-pty-pilot-0', user_id: 'u1001' } },
      ]),
    )
    const tenants = new Set(tenant_override.map(({ tenant_id }) => tenant_id))
    for (const near of ['t-pty-pilot-01', 'T-pty-pilot-0_', 'T-pty-pilot_01', 'T-pty-pilot-01x'])
      expect(tenants).toContain(near)
    const near = tenant_override.filter((row) => row.tenant_id === 'T-pty-pilot-0')
    expect(near).toEqual([])
    const users = new Set(user_override.map(({ user_id }) => user_id))
    for (const one of ['U100', 'U1001x', 'u1001x', 'U100_']) expect(users).toContain(one)
    expect(users).not.toContain('u1001')
    const flags = flag_registry.map(({ flag_key }) => flag_key)
    for (const one of ['ff.unknow', 'ff.unknownx', 'ff.ax']) expect(flags).toContain(one)
    const own = tenant_override.filter(({ flag_key }) => flag_key === 'ff.ax')
    expect(own.map(({ tenant_id }) => tenant_id)).toEqual(['T-pty-pilot-01'])
  })

  test('adds rows that a store accepts, one for each key', () => {
    const added = asked('ff.unknown')
    for (const table of TABLE_NAMES) {
      expect(added[table].length).toBeGreaterThan(2)
      for (const row of added[table])
        expect(decodeRow(table, node(serializeRow(row)), 'stored')).toEqual({ row })
      const keys = added[table].map((row) => formatRowKey(getRowKey(row)))
      expect(new Set(keys).size).toBe(keys.length)
    }
  })

  test('adds no override of a flag that is written, as its type could not change', () => {
    const { user_override } = withUnrelatedRows(scene([{ write: write('ff.a') }]))
    expect(user_override.filter(({ flag_key }) => flag_key === 'ff.a')).toEqual([])
    expect(user_override.filter(({ flag_key }) => flag_key === 'ff.b').length).toBeGreaterThan(3)
  })

  test('adds no near miss that the scene asks for or writes, and keeps overrides of its flag', () => {
    const scoped: SceneWrite = {
      ...write('ff.a'),
      table: 'tenant_override',
      key: { scope_id: 'T-pty-pilot-0', flag_key: 'ff.a' },
    }
    const steps = [{ ask: { ...ask, flag_key: 'ff.ax' } }, { write: scoped }]
    const { flag_registry, tenant_override } = withUnrelatedRows(scene(steps))
    expect(flag_registry.map(({ flag_key }) => flag_key)).not.toContain('ff.ax')
    expect(tenant_override.map(({ tenant_id }) => tenant_id)).not.toContain('T-pty-pilot-0')
    const strangers = tenant_override.filter(({ flag_key }) => flag_key === 'ff.a')
    expect(strangers.map(({ tenant_id }) => tenant_id)).toContain('T-stranger')
  })

  test('adds near misses of users that the scene holds rows of', () => {
    const user_override = [userRow({ user_id: 'U-held', flag_key: 'ff.a' })]
    const given = { state: { ...state, user_override }, approvals: [], admin: 'reachable' } as const
    const users = withUnrelatedRows({ given, steps: [] }).user_override
    expect(users.map(({ user_id }) => user_id)).toContain('U-heldx')
  })

  test('H6: gives a cell one near miss of its tenant and its user, another kind each turn', () => {
    const owner = { tenant_id: 'T-1', user_id: 'u1' }
    const turns = [0, 1, 2, 3, 4].map((turn) => withNearMiss(state, owner, turn))
    const extra = turns.map(({ tenant_override }) =>
      tenant_override.slice(1).map((row) => row.tenant_id),
    )
    expect(new Set(extra.flat()).size).toBeGreaterThanOrEqual(4)
    expect(extra.every((ids) => ids.length === 2)).toBe(true)
    expect(turns[0]?.user_override.map(({ user_id }) => user_id)).toEqual(['U1', 'U1'])
  })

  test('adds nothing to an empty scene', () => {
    const empty = { flag_registry: [], tenant_override: [], user_override: [] }
    expect(
      withUnrelatedRows({ given: { state: empty, approvals: [], admin: 'reachable' }, steps: [] }),
    ).toEqual(empty)
  })
})

test('near misses are in the other case, with a wildcard, a prefix, or longer', () => {
  const all = () => true
  expect(listNearMisses('ff.a-b', all)).toEqual([
    'FF.A-B',
    'ff.a-_',
    'ff.a-%',
    'ff.a_b',
    'ff.a-',
    'ff.a-bx',
  ])
  expect(listNearMisses('T1', all)).toEqual(['t1', 'T_', 'T%', 'T', 'T1x'])
  expect(listNearMisses('7', (id) => id !== '')).toEqual(['_', '%', '7x'])
})

describe('WrittenRows', () => {
  test('holds the last row of each key, and the others unchanged', () => {
    const ledger = new WrittenRows(state)
    const [row] = state.tenant_override
    if (row === undefined) throw new Error('there is no row')
    const after = { ...row, value: 'false' as CanonicalJson, revision: row.revision + 1 }
    ledger.put('tenant_override', after)
    const key = { scope_id: row.tenant_id, flag_key: 'ff.a' }
    expect(ledger.get('tenant_override', key)).toBe(after)
    expect(ledger.get('user_override', key)).toBeNull()
    expect(ledger.state()).toEqual({ ...state, tenant_override: [after] })
  })
})
