import { collectDefaultMetrics, Registry } from 'prom-client'

/** Sums of what else is told by type, under names that Prometheus keeps for counters. */
const MISNAMED = ['handles', 'requests', 'resources'].map((one) => `nodejs_active_${one}_total`)

let made: Registry | null = null

/** What there is to say of this process: one for all services in it, for its parts watch it as long as it lives. */
export function collectProcessMetrics(): Registry {
  if (made === null) {
    made = new Registry()
    collectDefaultMetrics({ register: made })
    for (const name of MISNAMED) made.removeSingleMetric(name)
  }
  return made
}
