import { formatRowCacheKey } from '../../core/cache/keys.ts'
import { isFlagKey, isScopeId } from '../../core/rows/grammar.ts'
import type {
  AnyRow,
  FlagRow,
  RowKey,
  RowOrBroken,
  RowsOfFlag,
  TableName,
  TenantOverrideRow,
  UserOverrideRow,
} from '../../core/rows/rows.ts'
import type { RowQuery } from '../../ports/store.ts'
import type { LocalEntry } from './local-entries.ts'

/** One row that a query is for. */
export interface RowPlace {
  readonly table: TableName
  readonly key: RowKey
  /** Its Redis key. */
  readonly name: string
}
/** The member of `RowsOfFlag` that holds the row of each table. */
export const MEMBERS = {
  flag_registry: 'flag',
  tenant_override: 'tenant',
  user_override: 'user',
} as const satisfies Record<TableName, keyof RowsOfFlag>

const place = (table: TableName, key: RowKey): RowPlace => ({
  table,
  key,
  name: formatRowCacheKey(table, key),
})

/** The rows that a query is for; empty for a key or id that no row can have, which is never cached. */
export function listPlaces({ flag_key, tenant_id, user_id }: RowQuery): readonly RowPlace[] {
  const ids = [tenant_id, user_id].filter((id) => id !== null)
  if (!isFlagKey(flag_key) || !ids.every(isScopeId)) return []
  return [
    place('flag_registry', { scope_id: null, flag_key }),
    ...(tenant_id === null ? [] : [place('tenant_override', { scope_id: tenant_id, flag_key })]),
    ...(user_id === null ? [] : [place('user_override', { scope_id: user_id, flag_key })]),
  ]
}

/**
 * The rows of a query from its entries, in the order of its places.
 *
 * @throws Error for an entry that holds the row of another table, which is a bug
 */
export function assembleRows(
  places: readonly RowPlace[],
  entries: readonly LocalEntry[],
): RowsOfFlag {
  const find = (table: TableName): LocalEntry['held'] =>
    entries[places.findIndex((one) => one.table === table)]?.held ?? null
  return {
    flag: narrow(find('flag_registry'), (row): row is FlagRow => 'default_value' in row),
    tenant: narrow(find('tenant_override'), (row): row is TenantOverrideRow => 'tenant_id' in row),
    user: narrow(find('user_override'), (row): row is UserOverrideRow => 'user_id' in row),
  }
}

function narrow<Row extends AnyRow>(
  held: LocalEntry['held'],
  fits: (row: AnyRow) => row is Row,
): RowOrBroken<Row> | null {
  if (held?.row === undefined) return held
  const { row } = held
  if (!fits(row)) throw new Error('an entry of the cache holds the row of another table')
  return { row }
}
