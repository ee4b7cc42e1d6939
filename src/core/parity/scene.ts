import type { Instant } from '../rows/instant.ts'
import type { RowKey, TableName } from '../rows/rows.ts'
import type { VectorInput } from './vector.ts'

/** Who asks in a scene: each of the four modes, and tokens that say more, less, or nothing that holds. */
export const CALLERS = [
  'verified',
  'decode-only',
  'dev-headers',
  'none',
  'any-tenant',
  'no-tenant',
  'expired',
  'forged',
  'for-another',
] as const
export type CallerName = (typeof CALLERS)[number]

/** One question of a scene. Whoever comes with a token is the fixtures' user; the others say who they are. */
export interface SceneQuestion {
  readonly caller: CallerName
  readonly flag_key: string
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly approval_ref: string | null
}
/** One write of a scene, as somebody sends it: page 1 may refuse it. */
export interface SceneWrite {
  readonly table: TableName
  readonly key: RowKey
  readonly action: 'put' | 'delete'
  /** A JSON text that can be read; null on delete. */
  readonly body: string | null
  /** Said of the row that stands when the write comes; null takes whatever is there. */
  readonly expected: 'right' | 'stale' | 'absent' | null
  readonly approval: {
    readonly approval_ref: string
    readonly tenant_id: string
    readonly user_id: string
  } | null
}
/** Steps are taken in their order; questions between two writes may be asked at once. */
export type SceneStep =
  | { readonly ask: SceneQuestion; readonly write?: never }
  | { readonly write: SceneWrite; readonly ask?: never }
/** Rows, approvals, questions and writes made at random; all their times lie around one moment. */
export interface Scene {
  readonly given: Pick<VectorInput, 'state' | 'approvals' | 'admin'>
  readonly steps: readonly SceneStep[]
}

/** The moment of the fixtures, which is that of every scene: their tokens hold then. */
export const SCENE_TIME = '2026-01-15T09:00:00.000Z' as Instant
/** Who the fixtures' tokens are for. */
export const TEST_USER = 'U1001'
export const TEST_TENANT = 'T-pty-pilot-01'
