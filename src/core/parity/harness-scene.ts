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

/** The protocol version in the answer of `GET /harness`; it rises when the meaning of a scene changes. */
export const HARNESS_PROTOCOL = 1
/** The header that names the scene of a request. */
export const SCENE_HEADER = 'x-ff-scene'
/** The member that holds the rows of each table. */
export const ROW_LISTS: Readonly<Record<TableName, string>> = {
  flag_registry: 'flags',
  tenant_override: 'tenant_overrides',
  user_override: 'user_overrides',
}

/** The body of `PUT /harness/scenes/{scene}`: every input of an answer except the rows and the request. */
export interface HarnessScene {
  readonly now: Instant
  readonly environment: Environment
  readonly approvals: readonly Approval[]
  readonly admin: 'reachable' | 'unreachable'
  /** The behaviour of the key server; null for a service without one. */
  readonly keys: KeyServerScript | null
}

/**
 * All rows as one JSON text without loss: an object with the lists `flags`, `tenant_overrides` and `user_overrides`.
 */
export function serializeRows(state: RowsByTable): string {
  const toList = (table: TableName): string => {
    const rows: readonly AnyRow[] = state[table]
    return `"${ROW_LISTS[table]}":[${rows.map((row) => serializeRow(row)).join(',')}]`
  }
  return `{${TABLE_NAMES.map(toList).join(',')}}`
}
