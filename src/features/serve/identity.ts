import { nameEnvironment } from '../../core/auth/environment.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { Route, RouteResponse } from '../../ports/http.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { digestSettings, type RunningVersion } from '../team-folder/identity.ts'
import { isAway } from './guarded-store.ts'
import type { CutoverStatus, ManagedStore } from './managed-store.ts'
import { toJsonResponse } from './reply.ts'
import { withRefusals } from './routes.ts'

/** What an instance says of itself, as of its start (`instance-identity` schema). */
export interface InstanceIdentity {
  /** FF_ENV; `prod` where it is not set, which counts as such. */
  readonly environment: string
  /** Null where unknown. */
  readonly code: string | null
  /** The newest migration that the instance serves. */
  readonly schema_head: string | null
  readonly config_digest: string
  readonly build: string
  /** The identity of the database, as in a cutover plan; null for a file store. */
  readonly database: string | null
  /** Where it is in a cutover at the request; absent outside of one. */
  readonly cutover?: Pick<CutoverStatus, 'phase' | 'epoch' | 'role'>
}

/**
 * What an instance says of itself: environment, code version, newest migration, digest of the settings that change
 * decisions, build, and the identity of its database, null for a file store. Reads the persistence contract, and
 * connects to the database, if it serves one.
 *
 * @throws FfError `artefact_invalid`, or the error of the database
 */
export async function readInstanceIdentity(
  {
    root,
    adapters,
    settings,
  }: {
    readonly root: string
    readonly adapters: Pick<Adapters, 'identifyDatabase'>
    readonly settings: Pick<SettingValues, 'FF_ENV'>
  },
  { settings: behaviour, code, schema_head, build }: RunningVersion,
  target: TargetSpec | null,
): Promise<InstanceIdentity> {
  const { versions } = await loadPersistence(root)
  return {
    environment: nameEnvironment(settings),
    code,
    schema_head,
    config_digest: digestSettings(behaviour),
    build,
    database:
      target?.kind === 'postgres' ? await adapters.identifyDatabase(target, versions) : null,
  }
}

/** The route without its handler. */
export const IDENTITY_ROUTE = { id: 'identity', method: 'GET', path: '/identity' } as const

/**
 * Creates the route `GET /identity`, which answers with what the instance says of itself at its start, as JSON with
 * `no-store`; in a cutover also with where it is at the request. Where the database is away, each request reads it again until it answers, and is refused before.
 *
 * @throws the errors of `read`, except that of a database that is away
 */
export async function createIdentityRoute(
  read: () => Promise<InstanceIdentity>,
  managed: Pick<ManagedStore, 'status'> | null,
): Promise<Route> {
  let identity: InstanceIdentity | null = await read().catch((error: unknown) => {
    if (isAway(error)) return null
    throw error
  })
  const handle = async (): Promise<RouteResponse> => {
    identity ??= await read()
    if (managed === null) return toJsonResponse(JSON.stringify(identity))
    const { phase, epoch, role } = managed.status()
    return toJsonResponse(JSON.stringify({ ...identity, cutover: { phase, epoch, role } }))
  }
  return { ...IDENTITY_ROUTE, handle: withRefusals(handle) }
}
