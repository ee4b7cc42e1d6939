import type { KeyServerScript } from '../auth/contract.ts'
import type { Environment } from '../auth/types.ts'
import type { Approval } from '../evaluate/approvals.ts'
import type { Instant } from '../rows/instant.ts'
import {
  type AnyRow,
  type RowsByTable,
  serializeRow,
  TABLE_NAMES,
  type TableName,
} from '../rows/rows.ts'

/** What `GET /harness` says in `harness`: goes up when a scene means something else. */
export const HARNESS_PROTOCOL = 1
/** Names the scene that a request is put in. */
export const SCENE_HEADER = 'x-ff-scene'
/** What every table is called where rows are given. */
export const ROW_LISTS: Readonly<Record<TableName, string>> = {
  flag_registry: 'flags',
  tenant_override: 'tenant_overrides',
  user_override: 'user_overrides',
}

/** All that an answer depends on but the rows and the request, as it is put to `PUT /harness/scenes/{scene}`. */
export interface HarnessScene {
  readonly now: Instant
  readonly environment: Environment
  readonly approvals: readonly Approval[]
  readonly admin: 'reachable' | 'unreachable'
  /** What the key server does; null is a service without keys. */
  readonly keys: KeyServerScript | null
}

/** All rows as JSON, without loss. */
export function serializeRows(state: RowsByTable): string {
  const toList = (table: TableName): string => {
    const rows: readonly AnyRow[] = state[table]
    return `"${ROW_LISTS[table]}":[${rows.map((row) => serializeRow(row)).join(',')}]`
  }
  return `{${TABLE_NAMES.map(toList).join(',')}}`
}
