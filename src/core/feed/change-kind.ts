import type { TableName } from '../rows/rows.ts'
import type { ChangeKind } from './types.ts'

/** What a change of a row is in the feed. */
export const CHANGE_KIND: Readonly<Record<TableName, ChangeKind>> = {
  flag_registry: 'flag',
  tenant_override: 'tenant_override',
  user_override: 'user_override',
}
