import type { Instant } from '../rows/instant.ts'
import type { AnyOverrideRow, RowOrBroken } from '../rows/rows.ts'
import type { EvaluationInput, FailSafeCause } from './types.ts'

export type OverrideScope = 'user' | 'tenant'
/** How one override layer meets a request. */
export type OverrideLayer =
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'expired'; readonly row: AnyOverrideRow }
  | { readonly outcome: 'matched'; readonly row: AnyOverrideRow }
  | { readonly outcome: 'unreadable'; readonly cause: FailSafeCause }

const ABSENT: OverrideLayer = { outcome: 'absent' }

/** A principal without the id skips the layer, and a tombstone is no override (page 1, rules 5 and 6). */
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

// Passive, at the read: `now >= expires_at` is expired (page 1).
const isExpired = (expiresAt: Instant | undefined, now: Instant): boolean =>
  expiresAt !== undefined && now >= expiresAt
