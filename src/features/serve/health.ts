import { withDeadline } from '../../concurrency/deadline.ts'
import type { AuthenticatorMetrics } from '../../ports/auth.ts'
import type { Route } from '../../ports/http.ts'
import type { GetServiceDependencies } from './dependencies.ts'
import { NO_STORE, toJsonResponse } from './reply.ts'
import { AWAY_CODES } from './guarded-store.ts'
import type { LastKnownStatus } from './last-known-good.ts'
import type { CutoverStatus } from './managed-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type { ServiceStore } from '../../ports/store.ts'

interface Dependency {
  readonly state: 'up' | 'down' | 'unknown' | 'not_configured'
  readonly detail?: string
}

/**
 * The routes of liveness, always 200, and of readiness with the state of each dependency: 200 where decisions are served
 * and the service is not draining, else 503; also where keys were never loaded. The status is `degraded` where changes
 * fail, or the last known rows decide. Admin is reported and does not count.
 *
 * @param draining whether the service is shutting down
 */
export const createHealthRoutes = (
  parts: GetServiceDependencies,
  draining: () => boolean,
): readonly Route[] => [
  createLiveRoute(),
  {
    id: 'health.ready',
    method: 'GET',
    path: '/health/ready',
    operational: true,
    handle: async () => {
      const { store, managed, lastKnown, authenticator, approvals, environment } = parts()
      const [probe, changes] = await Promise.all([probeStore(store), probeChanges(store)])
      const keys = keysState(authenticator.metrics().keys)
      const decidesStale = probe.fault !== null && AWAY_FAULTS.has(probe.fault)
      const snapshot = snapshotState(lastKnown?.status() ?? null, decidesStale)
      const dependencies = {
        store: { kind: store.kind, ...toDependency(probe.fault) },
        snapshot,
        changes,
        keys,
        admin: adminState(approvals.metrics().breaker),
        ...(managed === undefined ? {} : { cutover: cutoverState(managed.status()) }),
      }
      // Without keys every token is refused, but in dev+H it counts as unverified.
      const refusesTokens = keys.detail === NEVER_LOADED && environment !== 'dev+H'
      const decides = probe.fault === null || snapshot.stale
      const serves = decides && !refusesTokens
      const working = nameWorking(probe, changes, keys)
      const status = draining() ? 'draining' : serves ? working : 'not_ready'
      return toJsonResponse(JSON.stringify({ status, dependencies }), {
        status: serves && !draining() ? 200 : 503,
      })
    },
  },
]

/** The route of liveness. */
export const createLiveRoute = (): Route => ({
  id: 'health.live',
  method: 'GET',
  path: '/health/live',
  operational: true,
  handle: () => Promise.resolve(toJsonResponse('{"status":"live"}')),
})

/** Without a usable key no token is accepted, so there are no changes. */
const nameWorking = ({ fault }: StoreProbe, changes: Dependency, keys: Dependency): string =>
  fault === null && keys.detail !== NO_USABLE_KEY ? SERVING[changes.state] : 'degraded'

/** Decisions are served either way, so a load balancer keeps the instance. */
const SERVING: Readonly<Record<Dependency['state'], string>> = {
  up: 'ready',
  down: 'degraded',
  unknown: 'degraded',
  not_configured: 'ready',
}

/** Faults of a store that is away. */
const AWAY_FAULTS: ReadonlySet<string> = new Set([...AWAY_CODES, 'timeout'])

interface SnapshotState extends Dependency {
  /** Whether the last known rows decide, because the store is away. */
  readonly stale: boolean
  /** Null where there are no such rows. */
  readonly age_ms: number | null
}
function snapshotState(status: LastKnownStatus | null, away: boolean): SnapshotState {
  if (status === null) return { state: 'not_configured', stale: false, age_ms: null }
  const { state, age_ms } = status
  if (state === 'held') return { state: 'up', stale: away, age_ms }
  return { state: 'down', detail: state, stale: false, age_ms }
}

/** What an instance says of the cutover; down where the protocol keeps it from deciding or changing anything. */
function cutoverState(status: CutoverStatus): Dependency & CutoverStatus {
  const { reason } = status
  return reason === null ? { state: 'up', ...status } : { state: 'down', detail: reason, ...status }
}

const toDependency = (fault: string | null): Dependency =>
  fault === null ? { state: 'up' } : { state: 'down', detail: fault }

/** Whether the store takes changes, or why not: read-only, a full disk. */
const probeChanges = (store: ServiceStore): Promise<Dependency> =>
  withDeadline(
    store.requireWritable().then(
      () => toDependency(null),
      (error: unknown) => toDependency(getErrorCode(error)),
    ),
    STORE_MS,
    () => toDependency('timeout'),
  )

const NEVER_LOADED = 'never_loaded'
const NO_USABLE_KEY = 'no_usable_key'
function keysState(keys: AuthenticatorMetrics['keys']): Dependency {
  if (keys === null) return { state: 'not_configured' }
  // No key set was requested yet, so the state of the key server is unknown.
  if (keys.fetches === 0) return { state: 'unknown' }
  if (keys.usable === 0) return { state: 'down', detail: NO_USABLE_KEY }
  if (keys.age_ms !== null) return { state: 'up' }
  return { state: 'down', detail: keys.failures === keys.fetches ? NEVER_LOADED : 'expired' }
}

const adminState = (breaker: 'closed' | 'open' | 'half_open' | null): Dependency => {
  if (breaker === null) return { state: 'not_configured' }
  return breaker === 'closed' ? { state: 'up' } : { state: 'down', detail: `breaker ${breaker}` }
}

/** The route without its handler. */
export const METRICS_ROUTE = { id: 'metrics', method: 'GET', path: '/metrics' } as const

/**
 * Creates the route `GET /metrics`, which answers 200 with the metrics as text for Prometheus to scrape, and
 * `no-store`.
 */
export const createMetricsRoute = ({ metrics }: Pick<Telemetry, 'metrics'>): Route => ({
  ...METRICS_ROUTE,
  operational: true,
  handle: async () => ({ status: 200, ...(await metrics()), headers: NO_STORE, code: null }),
})

/** The route without its handler. */
export const INDEX_ROUTE = { id: 'index', method: 'GET', path: '/' } as const

/**
 * Creates the route `GET /`, which answers with the paths of the given routes as JSON, `{"paths":[...]}`, in their
 * order.
 */
export function createIndexRoute(routes: readonly Route[]): Route {
  const reply = toJsonResponse(JSON.stringify({ paths: routes.map(({ path }) => path) }))
  return { ...INDEX_ROUTE, operational: true, handle: () => Promise.resolve(reply) }
}

/** A store that takes longer counts as down. */
const STORE_MS = 1_000

/** The head of the audit chain, or why the store gave none: an error code, or `timeout`. */
export type StoreProbe =
  | { readonly head: AuditChainHead; readonly fault: null }
  | { readonly head: null; readonly fault: string }

/**
 * Checks a store by reading the head of its audit chain: returns the head, or as fault the error's code, `internal`
 * for an error without one, or `timeout` after a second. Never rejects; a late read goes on.
 */
export function probeStore(store: Pick<ServiceStore, 'auditHead'>): Promise<StoreProbe> {
  const answer = store.auditHead().then(
    (head): StoreProbe => ({ head, fault: null }),
    (error: unknown): StoreProbe => ({ head: null, fault: getErrorCode(error) }),
  )
  return withDeadline(answer, STORE_MS, () => ({ head: null, fault: 'timeout' }))
}
const getErrorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'internal'
