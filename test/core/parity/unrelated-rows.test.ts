import { describe, expect, test } from 'vitest'
import type { CanonicalJson } from '../../../src/core/json/canonical.ts'
import { withUnrelatedRows } from '../../../src/core/parity/unrelated-rows.ts'
import { WrittenRows } from '../../../src/core/parity/ledger.ts'
import type { Scene, SceneWrite } from '../../../src/core/parity/scene.ts'
import type { RowsByTable } from '../../../src/core/rows/rows.ts'
import { flagRow as flag, tenantRow } from '../builders.ts'

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
  test('keeps every row, and adds unrelated overrides of each flag', () => {
    const { flag_registry, tenant_override, user_override } = withUnrelatedRows(
      scene([{ ask: { ...ask, flag_key: 'ff.a' } }]),
    )
    expect(flag_registry.map(({ flag_key }) => flag_key)).toEqual(['ff.b', 'ff.a', 'ff.stranger'])
    expect(tenant_override.map(({ flag_key }) => flag_key)).toEqual(['ff.b', 'ff.a', 'ff.a'])
    expect(user_override).toHaveLength(2)
    expect(tenant_override.at(-1)).toBe(state.tenant_override[0])
  })

  test('adds no override of a flag that is written, as its type could not change', () => {
    const { user_override } = withUnrelatedRows(scene([{ write: write('ff.a') }]))
    expect(user_override.map(({ flag_key }) => flag_key)).toEqual(['ff.b'])
  })

  test('adds nothing to an empty scene', () => {
    const empty = { flag_registry: [], tenant_override: [], user_override: [] }
    expect(
      withUnrelatedRows({ given: { state: empty, approvals: [], admin: 'reachable' }, steps: [] }),
    ).toEqual(empty)
  })
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
