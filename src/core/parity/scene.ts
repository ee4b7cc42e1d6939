import type { Instant } from '../rows/instant.ts'
import type { RowKey, TableName } from '../rows/rows.ts'
import type { VectorInput } from './vector.ts'

/** Callers of a scene: one for each authentication mode, tokens with more or fewer rights, and invalid tokens. */
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

/** One question of a scene. A token names the user of the fixtures; other callers name themselves. */
export interface SceneQuestion {
  readonly caller: CallerName
  readonly flag_key: string
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly approval_ref: string | null
}
/** One write of a scene as a client would send it; the store may refuse it. */
export interface SceneWrite {
  readonly table: TableName
  readonly key: RowKey
  readonly action: 'put' | 'delete'
  /** A JSON text; null on delete. */
  readonly body: string | null
  /** The precondition, relative to the row at the time of the write; null for none. */
  readonly expected: 'right' | 'stale' | 'absent' | null
  readonly approval: {
    readonly approval_ref: string
    readonly tenant_id: string
    readonly user_id: string
  } | null
}
/** Steps run in order; the questions between two writes may run concurrently. */
export type SceneStep =
  | { readonly ask: SceneQuestion; readonly write?: never }
  | { readonly write: SceneWrite; readonly ask?: never }
/** Random rows, approvals, questions and writes; all times lie around `SCENE_TIME`. */
export interface Scene {
  readonly given: Pick<VectorInput, 'state' | 'approvals' | 'admin'>
  readonly steps: readonly SceneStep[]
}

/** The time of every scene, at which the tokens of the fixtures are valid. */
export const SCENE_TIME = '2026-01-15T09:00:00.000Z' as Instant
/** The subject and tenant of the fixtures' tokens. */
export const TEST_USER = 'U1001'
export const TEST_TENANT = 'T-pty-pilot-01'
