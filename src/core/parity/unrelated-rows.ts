import { isFlagKey, isScopeId } from '../rows/grammar.ts'
import type { FlagRow, RowsByTable, TenantOverrideRow, UserOverrideRow } from '../rows/rows.ts'
import { type Scene, TEST_TENANT, TEST_USER } from './scene.ts'

/**
 * Ids that a careless comparison takes for `id`: in the other case, with `_` or `%` for the last character or for a
 * separator, without the last character, and with one more. Leaves out those that `isValid` refuses, and `id` itself.
 */
export function listNearMisses(id: string, isValid: (text: string) => boolean): readonly string[] {
  const lower = id.toLowerCase()
  const start = id.slice(0, -1)
  const found = [
    lower === id ? id.toUpperCase() : lower,
    `${start}_`,
    `${start}%`,
    id.replace(/[.-](?=[^.-]*$)/, '_'),
    start,
    `${id}x`,
  ]
  return [...new Set(found)].filter((one) => one !== id && isValid(one))
}

type Override = Omit<TenantOverrideRow, 'tenant_id'>
/** An override of a flag by another owner: the safe value fits its type. */
const toOverride = ({ flag_key, safe_value: value, created_at, updated_at }: FlagRow): Override => {
  const author = { created_by: 'fuzz', updated_by: 'fuzz' }
  return { flag_key, value, ...author, revision: 9, created_at, updated_at }
}

/** The near misses of these ids that are none of them, and one id that resembles none. */
const listStrangers = (ids: ReadonlySet<string>, plain: string): readonly string[] =>
  [...new Set([...[...ids].flatMap((id) => listNearMisses(id, isScopeId)), plain])].filter(
    (id) => !ids.has(id),
  )

/**
 * The rows of a scene with rows that concern none of its callers, and with every list reversed. Adds near misses of
 * each flag, with overrides of the scene's own tenants and users, and for each flag that no step of the scene writes
 * overrides of near misses of each tenant and user. Adds nothing to a scene without flags.
 */
export function withUnrelatedRows({ given: { state }, steps }: Scene): RowsByTable {
  const asks = steps.flatMap(({ ask }) => (ask === undefined ? [] : [ask]))
  const writes = steps.flatMap(({ write }) => (write === undefined ? [] : [write]))
  const written = writes.map(({ key }) => key.scope_id)
  const toIds = (ids: readonly (string | null)[]): ReadonlySet<string> =>
    new Set([...ids, ...written].filter((id) => id !== null))
  const tenants = toIds([
    TEST_TENANT,
    ...asks.map((ask) => ask.tenant_id),
    ...state.tenant_override.map((row) => row.tenant_id),
  ])
  const users = toIds([
    TEST_USER,
    ...asks.map((ask) => ask.user_id),
    ...state.user_override.map((row) => row.user_id),
  ])
  const flags = new Set([
    ...state.flag_registry.map(({ flag_key }) => flag_key),
    ...asks.map(({ flag_key }) => flag_key),
    ...writes.map(({ key }) => key.flag_key),
  ])
  const strangers = state.flag_registry
    .slice(0, 1)
    .flatMap((flag) =>
      [...new Set([...[...flags].flatMap((key) => listNearMisses(key, isFlagKey)), 'ff.stranger'])]
        .filter((key) => !flags.has(key))
        .map((flag_key): FlagRow => ({ ...flag, flag_key })),
    )
  // A flag's type cannot change while it has overrides, so an unrelated override would affect a write of the flag.
  const changed = new Set(
    writes.filter(({ table }) => table === 'flag_registry').map(({ key }) => key.flag_key),
  )
  const others = state.flag_registry
    .filter(({ flag_key }) => !changed.has(flag_key))
    .map(toOverride)
  const own = strangers.map(toOverride)
  const byTenant = (rows: readonly Override[], tenant_id: string): readonly TenantOverrideRow[] =>
    rows.map((row) => ({ tenant_id, ...row }))
  const byUser = (rows: readonly Override[], user_id: string): readonly UserOverrideRow[] =>
    rows.map((row) => ({ user_id, ...row }))
  return {
    flag_registry: [...strangers, ...state.flag_registry].toReversed(),
    tenant_override: [
      ...state.tenant_override,
      ...listStrangers(tenants, 'T-stranger').flatMap((id) => byTenant(others, id)),
      ...byTenant(own, TEST_TENANT),
    ].toReversed(),
    user_override: [
      ...state.user_override,
      ...listStrangers(users, 'U-stranger').flatMap((id) => byUser(others, id)),
      ...byUser(own, TEST_USER),
    ].toReversed(),
  }
}

/**
 * The rows of one flag and an override of it by a near miss of the caller's tenant and one of its user. `turn` chooses
 * the kind of near miss, so that many cells together have each kind.
 */
export function withNearMiss(
  state: RowsByTable,
  { tenant_id, user_id }: Pick<UserOverrideRow, 'user_id'> & Pick<TenantOverrideRow, 'tenant_id'>,
  turn: number,
): RowsByTable {
  const pick = (id: string): string => {
    const all = listNearMisses(id, isScopeId)
    return all[turn % all.length] as string
  }
  const rows = state.flag_registry.map(toOverride)
  return {
    flag_registry: state.flag_registry,
    tenant_override: [
      ...state.tenant_override,
      ...rows.map((row) => ({ tenant_id: pick(tenant_id), ...row })),
    ],
    user_override: [
      ...state.user_override,
      ...rows.map((row) => ({ user_id: pick(user_id), ...row })),
    ],
  }
}
