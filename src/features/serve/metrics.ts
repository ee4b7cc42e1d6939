import type { Route } from '../../ports/http.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { NO_STORE } from './reply.ts'

/** Which route it is. */
export const METRICS = { id: 'metrics', method: 'GET', path: '/metrics' } as const

/** `GET /metrics`, for Prometheus to scrape (page 5). */
export const metricsRoute = ({ metrics }: Telemetry): Route => ({
  ...METRICS,
  handle: async () => ({ status: 200, ...(await metrics()), headers: NO_STORE, code: null }),
})
