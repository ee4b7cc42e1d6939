import type { HttpObserver } from '../../ports/http.ts'
import type { ShipBacklog } from '../../ports/shipping.ts'
import type { MetricReadings, ServiceLog, ShipTelemetry, Telemetry } from '../../ports/telemetry.ts'
import { createUnverifiedLog, createLoggingObserver } from './log.ts'
import { createMetrics } from './metrics.ts'
import { createShipMetrics } from './ship-metrics.ts'
import { startSpan } from './spans.ts'

const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Opens the observers that log, count and trace the work of a service, and its metrics in Prometheus text format 0.0.4,
 * rendered at each call, which rejects where a reading does. Writes log lines to `log` only; starts no server, and has
 * nothing to close.
 */
export async function openTelemetry(log: ServiceLog, readings: MetricReadings): Promise<Telemetry> {
  const metrics = createMetrics(readings)
  const logging = createLoggingObserver(log)
  const httpObserver: HttpObserver = {
    received: startSpan,
    replied: (done) => {
      metrics.replied(done)
      logging.replied(done)
    },
    failed: (error, request_id) => logging.failed(error, request_id),
  }
  return {
    httpObserver,
    observer: { ...metrics.observer, unverified: createUnverifiedLog(log) },
    shadow: metrics.shadow,
    metrics: async () => ({ type: TEXT_FORMAT, text: await metrics.text() }),
  }
}

/**
 * Opens the metrics of a shipper, and the log of its server, as `openTelemetry` those of a service.
 *
 * @param backlog read at each scrape; null where the store does not tell
 */
export function openShipTelemetry(
  log: ServiceLog,
  backlog: () => Promise<ShipBacklog | null>,
): ShipTelemetry {
  const { observe, text } = createShipMetrics(backlog)
  return {
    observe,
    httpObserver: createLoggingObserver(log),
    metrics: async () => ({ type: TEXT_FORMAT, text: await text() }),
  }
}
