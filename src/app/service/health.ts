import type { DoorMetrics, HttpRoute } from '../../ports.ts'
import type { Parts } from './parts.ts'
import { jsonReply } from './reply.ts'

/** How long a store may take to answer before it counts as down. */
const STORE_MS = 1_000

interface Dependency {
  readonly state: 'up' | 'down' | 'unknown' | 'not_configured'
  readonly detail?: string
}

/** Liveness, and readiness with each dependency's state (page 5). @param draining whether the service is going down */
export const healthRoutes = (parts: Parts, draining: () => boolean): readonly HttpRoute[] => [
  {
    id: 'health.live',
    method: 'GET',
    path: '/health/live',
    handle: () => Promise.resolve(jsonReply('{"status":"live"}')),
  },
  {
    id: 'health.ready',
    method: 'GET',
    path: '/health/ready',
    handle: async () => {
      const { store, door, approvals } = parts()
      const dependencies = {
        store: { kind: store.kind, ...(await storeState(() => store.auditHead())) },
        keys: keysState(door.metrics().keys),
        admin: adminState(approvals.metrics().breaker),
      }
      const ready = !draining() && dependencies.store.state === 'up'
      const status = draining() ? 'draining' : ready ? 'ready' : 'not_ready'
      return jsonReply(JSON.stringify({ status, dependencies }), { status: ready ? 200 : 503 })
    },
  },
]

async function storeState(ask: () => Promise<unknown>): Promise<Dependency> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Dependency>((resolve) => {
    timer = setTimeout(() => resolve({ state: 'down', detail: 'timeout' }), STORE_MS)
  })
  const asked = ask().then(
    (): Dependency => ({ state: 'up' }),
    (error: unknown): Dependency => ({ state: 'down', detail: codeOf(error) }),
  )
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'internal'

function keysState(keys: DoorMetrics['keys']): Dependency {
  if (keys === null) return { state: 'not_configured' }
  // Nobody has asked for a set yet: that says nothing of the key server.
  if (keys.fetches === 0) return { state: 'unknown' }
  return keys.age_ms === null ? { state: 'down' } : { state: 'up' }
}

const adminState = (breaker: 'closed' | 'open' | 'half_open' | null): Dependency => {
  if (breaker === null) return { state: 'not_configured' }
  return breaker === 'closed' ? { state: 'up' } : { state: 'down', detail: `breaker ${breaker}` }
}
