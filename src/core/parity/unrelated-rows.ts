import type { FlagRow, RowsByTable } from '../rows/rows.ts'
import type { Scene } from './scene.ts'

/**
 * The rows of a scene with rows that concern none of its callers, and with every list reversed. Adds a flag
 * `ff.stranger` where the scene has any flag, and overrides of another tenant and user for each flag that no step of
 * the scene writes.
 */
export function withUnrelatedRows({ given: { state }, steps }: Scene): RowsByTable {
  // A flag's type cannot change while it has overrides, so an unrelated override would affect a write of the flag.
  const written = new Set(
    steps
      .filter(({ write }) => write?.table === 'flag_registry')
      .map(({ write }) => write?.key.flag_key),
  )
  const strangers = state.flag_registry
    .slice(0, 1)
    .map((flag): FlagRow => ({ ...flag, flag_key: 'ff.stranger' }))
  const extra = state.flag_registry
    .filter(({ flag_key }) => !written.has(flag_key))
    .map(({ flag_key, safe_value: value, created_at, updated_at }) => {
      const author = { created_by: 'fuzz', updated_by: 'fuzz' }
      return { flag_key, value, ...author, revision: 9, created_at, updated_at }
    })
  return {
    flag_registry: [...strangers, ...state.flag_registry].toReversed(),
    tenant_override: [
      ...state.tenant_override,
      ...extra.map((row) => ({ tenant_id: 'T-stranger', ...row })),
    ].toReversed(),
    user_override: [
      ...state.user_override,
      ...extra.map((row) => ({ user_id: 'U-stranger', ...row })),
    ].toReversed(),
  }
}
