import type { Route } from '../../ports/http.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { NO_STORE } from './reply.ts'

/** Which route it is. */
export const METRICS_ROUTE = { id: 'metrics', method: 'GET', path: '/metrics' } as const

/** `GET /metrics`, for Prometheus to scrape (page 5). */
export const createMetricsRoute = ({ metrics }: Telemetry): Route => ({
  ...METRICS_ROUTE,
  handle: async () => ({ status: 200, ...(await metrics()), headers: NO_STORE, code: null }),
})
