import type { Credential, Environment } from '../core/auth/types.ts'
import type { AuthMode } from '../core/evaluate/types.ts'
import type { SceneAsk } from '../core/parity/scene.ts'
import type { VectorRequest } from '../core/parity/vector.ts'
import type { Door } from '../ports.ts'

/** Who asks in a scene, by mode: the fixture whose token it is, and where it holds. */
export interface Caller {
  readonly door: Door
  readonly token: string | null
  readonly fixture: string | null
  readonly environment: Environment
}
export type Callers = Readonly<Record<AuthMode, Caller>>

export const credentialOf = (
  { mode, tenant_id, user_id }: SceneAsk,
  callers: Callers,
): Credential => ({
  token: callers[mode].token,
  dev_headers: mode === 'dev-headers' ? { tenant_id, user_id, scopes: [] } : null,
})
/** Only who comes with nothing names a context; the others bring theirs. */
export const requestOf = ({
  mode,
  flag_key,
  tenant_id,
  user_id,
  approval_ref,
}: SceneAsk): VectorRequest => ({
  flag_key,
  tenant_id: mode === 'none' ? tenant_id : null,
  user_id: mode === 'none' ? user_id : null,
  approval_ref,
  request_id: 'fuzz',
})
