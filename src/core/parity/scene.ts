import type { AuthMode } from '../evaluate/types.ts'
import type { Instant } from '../state/instant.ts'
import type { Given } from './vector.ts'

/** One question of a scene. Whoever comes with a token is the fixtures' user; the others say who they are. */
export interface SceneAsk {
  readonly mode: AuthMode
  readonly flag_key: string
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly approval_ref: string | null
}
/** Rows, approvals and questions made at random; all their times lie around one moment. */
export interface Scene {
  readonly given: Pick<Given, 'state' | 'approvals' | 'admin'>
  readonly asks: readonly SceneAsk[]
}

/** The moment of the fixtures, which is that of every scene: their tokens hold then. */
export const SCENE_TIME = '2026-01-15T09:00:00.000Z' as Instant
/** Who the fixtures' tokens are for. */
export const TOKEN_USER = 'U1001'
export const TOKEN_TENANT = 'T-pty-pilot-01'
