import type { HttpWitness } from '../../ports/http.ts'
import type { Readings, ServiceLog, Telemetry } from '../../ports/telemetry.ts'
import { logUnverified, loggingWitness } from './log.ts'
import { makeMetrics } from './metrics.ts'

const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8'

/** Logs and counts what a service does. */
export async function openTelemetry(log: ServiceLog, readings: Readings): Promise<Telemetry> {
  const metrics = makeMetrics(readings)
  const logging = loggingWitness(log)
  const witness: HttpWitness = {
    replied: (done) => {
      metrics.replied(done)
      logging.replied(done)
    },
    failed: (error, request_id) => logging.failed(error, request_id),
  }
  return {
    witness,
    observer: { ...metrics.observer, unverified: logUnverified(log) },
    metrics: async () => ({ type: TEXT_FORMAT, text: await metrics.text() }),
  }
}
