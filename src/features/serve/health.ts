import type { AuthenticatorMetrics } from '../../ports/auth.ts'
import type { Route } from '../../ports/http.ts'
import type { GetServiceDependencies } from './dependencies.ts'
import { toJsonResponse } from './reply.ts'
import { probeStore, type StoreProbe } from './store-answer.ts'

interface Dependency {
  readonly state: 'up' | 'down' | 'unknown' | 'not_configured'
  readonly detail?: string
}

/** Liveness, and readiness with each dependency's state (page 5). @param draining whether the service is going down */
export const createHealthRoutes = (
  parts: GetServiceDependencies,
  draining: () => boolean,
): readonly Route[] => [
  {
    id: 'health.live',
    method: 'GET',
    path: '/health/live',
    handle: () => Promise.resolve(toJsonResponse('{"status":"live"}')),
  },
  {
    id: 'health.ready',
    method: 'GET',
    path: '/health/ready',
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
  // Nobody has asked for a set yet: that says nothing of the key server.
  if (keys.fetches === 0) return { state: 'unknown' }
  return keys.age_ms === null ? { state: 'down' } : { state: 'up' }
}

const adminState = (breaker: 'closed' | 'open' | 'half_open' | null): Dependency => {
  if (breaker === null) return { state: 'not_configured' }
  return breaker === 'closed' ? { state: 'up' } : { state: 'down', detail: `breaker ${breaker}` }
}
