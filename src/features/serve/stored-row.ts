import type { AnyRow, RowKey, RowOrBroken, TableName } from '../../core/rows/rows.ts'
import type { ServiceStore } from '../../ports/store.ts'
import { HttpRefusal } from './reply.ts'

/**
 * The stored row under a key, tombstones included; null where there is none.
 *
 * @throws HttpRefusal `row_broken`, and the errors of the store
 */
export async function readStoredRow(
  store: ServiceStore,
  table: TableName,
  { flag_key, scope_id }: RowKey,
): Promise<AnyRow | null> {
  const set = await store.read({
    flag_key,
    tenant_id: table === 'tenant_override' ? scope_id : null,
    user_id: table === 'user_override' ? scope_id : null,
  })
  const held: RowOrBroken<AnyRow> | null = {
    flag_registry: set.flag,
    tenant_override: set.tenant,
    user_override: set.user,
  }[table]
  return held === null ? null : requireWholeRow(held)
}

/** @throws HttpRefusal `row_broken`: a stored row that breaks its schema is never served */
export function requireWholeRow(held: RowOrBroken<AnyRow>): AnyRow {
  if (held.row === undefined) throw new HttpRefusal('row_broken')
  return held.row
}
