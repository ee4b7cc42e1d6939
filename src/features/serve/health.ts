import { withDeadline } from '../../concurrency/deadline.ts'
import type { AuthenticatorMetrics } from '../../ports/auth.ts'
import type { Route } from '../../ports/http.ts'
import type { GetServiceDependencies } from './dependencies.ts'
import { NO_STORE, toJsonResponse } from './reply.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type { ServiceStore } from '../../ports/store.ts'

interface Dependency {
  readonly state: 'up' | 'down' | 'unknown' | 'not_configured'
  readonly detail?: string
}

/**
 * The routes of liveness, always 200, and of readiness with the state of each dependency: 200 where the store is up
 * and the service is not draining, else 503. Keys and Admin are reported and do not count.
 *
 * @param draining whether the service is shutting down
 */
export const createHealthRoutes = (
  parts: GetServiceDependencies,
  draining: () => boolean,
): readonly Route[] => [
  {
    id: 'health.live',
    method: 'GET',
    path: '/health/live',
    operational: true,
    handle: () => Promise.resolve(toJsonResponse('{"status":"live"}')),
  },
  {
    id: 'health.ready',
    method: 'GET',
    path: '/health/ready',
    operational: true,
    handle: async () => {
      const { store, authenticator, approvals } = parts()
      const dependencies = {
        store: { kind: store.kind, ...storeState(await probeStore(store)) },
        keys: keysState(authenticator.metrics().keys),
        admin: adminState(approvals.metrics().breaker),
      }
      const ready = !draining() && dependencies.store.state === 'up'
      const status = draining() ? 'draining' : ready ? 'ready' : 'not_ready'
      return toJsonResponse(JSON.stringify({ status, dependencies }), { status: ready ? 200 : 503 })
    },
  },
]

const storeState = ({ fault }: StoreProbe): Dependency =>
  fault === null ? { state: 'up' } : { state: 'down', detail: fault }

function keysState(keys: AuthenticatorMetrics['keys']): Dependency {
  if (keys === null) return { state: 'not_configured' }
  // No key set was requested yet, so the state of the key server is unknown.
  if (keys.fetches === 0) return { state: 'unknown' }
  return keys.age_ms === null ? { state: 'down' } : { state: 'up' }
}

const adminState = (breaker: 'closed' | 'open' | 'half_open' | null): Dependency => {
  if (breaker === null) return { state: 'not_configured' }
  return breaker === 'closed' ? { state: 'up' } : { state: 'down', detail: `breaker ${breaker}` }
}

/** The route without its handler. */
export const METRICS_ROUTE = { id: 'metrics', method: 'GET', path: '/metrics' } as const

/** The route `GET /metrics`: the metrics as text for Prometheus to scrape, with `no-store`. */
export const createMetricsRoute = ({ metrics }: Telemetry): Route => ({
  ...METRICS_ROUTE,
  operational: true,
  handle: async () => ({ status: 200, ...(await metrics()), headers: NO_STORE, code: null }),
})

/** The route without its handler. */
export const INDEX_ROUTE = { id: 'index', method: 'GET', path: '/' } as const

/** The route `GET /`: the paths of the given routes. */
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
