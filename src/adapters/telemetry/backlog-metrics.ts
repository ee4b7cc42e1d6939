import type { Registry } from 'prom-client'
import type { BacklogReading } from '../../ports/telemetry.ts'
import { createMetricFactory } from './metric-factory.ts'

/**
 * Registers how much of the audit trail is not delivered.
 *
 * @param read the present backlog; null where it is not known, and then no value is shown
 *
 * @returns a function that sets the gauges, to call at each scrape; it rejects where `read` does
 */
export function registerBacklog(
  registers: Registry[],
  read: () => Promise<BacklogReading | null>,
): () => Promise<void> {
  const { gauge } = createMetricFactory(registers)
  const pending = gauge('ff_audit_pending', 'Audit records that are not delivered.')
  const failed = gauge('ff_audit_failed', 'Audit records that are parked until they are re-driven.')
  const oldest = gauge(
    'ff_audit_oldest_pending_seconds',
    'Age of the oldest audit record that is not delivered; 0 for none, and where no broker is set.',
  )
  return async () => {
    const backlog = await read()
    for (const one of [pending, failed, oldest]) one.remove()
    if (backlog === null) return
    pending.set(backlog.pending)
    failed.set(backlog.failed)
    oldest.set(backlog.oldest_seconds ?? 0)
  }
}
