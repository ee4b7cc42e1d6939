import type { Instant } from '../rows/instant.ts'
import type { AnyOverrideRow, RowOrBroken } from '../rows/rows.ts'
import type { EvaluationInput, FailSafeCause } from './types.ts'

export type OverrideScope = 'user' | 'tenant'
/** The state of one override layer for one request. */
export type OverrideLayer =
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'expired'; readonly row: AnyOverrideRow }
  | { readonly outcome: 'matched'; readonly row: AnyOverrideRow }
  | { readonly outcome: 'unreadable'; readonly cause: FailSafeCause }

const ABSENT: OverrideLayer = { outcome: 'absent' }

/**
 * The state of one override layer: `matched` or `expired` (from `expires_at` on) with its row; `unreadable` for a
 * broken row (`row_broken`) or one of another owner or flag (`row_foreign`); else `absent`: no row, a principal
 * without the id of the layer, or a tombstone.
 */
export function readOverrideLayer(facts: EvaluationInput, scope: OverrideScope): OverrideLayer {
  const { principal, rows, request, now } = facts
  const id = scope === 'user' ? principal.user_id : principal.tenant_id
  const stored: RowOrBroken<AnyOverrideRow> | null = scope === 'user' ? rows.user : rows.tenant
  if (id === null || stored === null) return ABSENT
  if (stored.broken !== undefined) return { outcome: 'unreadable', cause: 'row_broken' }
  const { row } = stored
  const owner = 'user_id' in row ? row.user_id : row.tenant_id
  if (owner !== id || row.flag_key !== request.flag_key) {
    return { outcome: 'unreadable', cause: 'row_foreign' }
  }
  if (row.deleted_at !== undefined) return ABSENT
  return { outcome: isExpired(row.expires_at, now) ? 'expired' : 'matched', row }
}

// Expiry is decided at the read: an override is expired from `expires_at` on.
const isExpired = (expiresAt: Instant | undefined, now: Instant): boolean =>
  expiresAt !== undefined && now >= expiresAt
