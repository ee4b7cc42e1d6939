import type { HttpRoute, Telemetry } from '../../ports.ts'
import { NO_STORE } from './reply.ts'

/** `GET /metrics`, for Prometheus to scrape (page 5). */
export const metricsRoute = ({ metrics }: Telemetry): HttpRoute => ({
  id: 'metrics',
  method: 'GET',
  path: '/metrics',
  handle: async () => ({ status: 200, ...(await metrics()), headers: NO_STORE, code: null }),
})
