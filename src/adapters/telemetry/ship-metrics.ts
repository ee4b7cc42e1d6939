import { Counter, Gauge, Registry } from 'prom-client'
import { sumSlots } from '../../core/shipping/backlog.ts'
import type { ShipBacklog, ShipObserver } from '../../ports/shipping.ts'
import { registerBacklog } from './backlog-metrics.ts'
import { collectProcessMetrics } from './metrics.ts'

/** Counts what a shipper does; `text` renders it in Prometheus text format. */
export interface ShipMetrics {
  readonly observe: ShipObserver
  readonly text: () => Promise<string>
}

const COUNTERS = {
  delivered: ['ff_ship_delivered_total', 'Audit records that the topic has acknowledged.'],
  waiting: ['ff_ship_retries_total', 'Waits of an audit record for another try.'],
  failed: ['ff_ship_failed_total', 'Audit records that were parked after their last try.'],
} as const

/**
 * Creates the metrics of one shipper in a registry of its own. `text` also asks for the backlog, and appends the metrics
 * of the process. Label values are the numbers of the slots.
 *
 * @param backlog null where the store does not tell
 */
export function createShipMetrics(backlog: () => Promise<ShipBacklog | null>): ShipMetrics {
  const registry = new Registry()
  const registers = [registry]
  const count = ([name, help]: readonly [string, string]): Counter =>
    new Counter({ name, help, registers })
  const counters = {
    delivered: count(COUNTERS.delivered),
    waiting: count(COUNTERS.waiting),
    failed: count(COUNTERS.failed),
  }
  const sends = count(['ff_ship_sends_total', 'Sends to the topic that ended.'])
  const unanswered = count(['ff_ship_unanswered_total', 'Sends to which no broker gave an answer.'])
  const lag = new Gauge({
    name: 'ff_ship_slot_lag_seconds',
    help: 'Age of the oldest audit record of a slot that is not delivered; 0 for none.',
    labelNames: ['slot'],
    registers,
  })
  const setBacklog = registerBacklog(registers, async () => {
    const found = await backlog()
    lag.reset()
    for (const { slot, oldest_seconds } of found?.slots ?? [])
      lag.set({ slot: String(slot) }, oldest_seconds ?? 0)
    return found === null ? null : { ...sumSlots(found.slots), failed: found.failed }
  })
  return {
    observe: (event) => {
      if (event.kind === 'sent') sends.inc()
      if (event.kind === 'suspended') unanswered.inc()
      if (event.kind === 'marked') for (const { kind } of event.marks) counters[kind].inc()
    },
    text: async () => {
      await setBacklog()
      const own = await registry.metrics()
      return `${own.trimEnd()}\n${await collectProcessMetrics().metrics()}`
    },
  }
}
