import type { ProbeContext } from '../framework/probe.ts'
import type { AdaptersDecorator } from '../testbed/test-service.ts'

type Now = ProbeContext['now']

const SPEED = 100
/** A clock that begins at the present time and runs `speed` times as fast. */
export function createFastClock(now: Now, speed = SPEED): Now {
  const began = now().getTime()
  return () => new Date(began + (now().getTime() - began) * speed)
}

/** Longer than a metric may take to show its event, and shorter than H1 waits for one. */
const AGE_MS = 80_000

/**
 * The planted faults of H1: `ff_decisions_total` goes by another name, `ff_store_up` has no series, and the series of
 * `ff_changes_total` show a change after 80 s of `now`.
 */
export const createSpoiledMetrics =
  (now: Now): AdaptersDecorator =>
  (adapters) => ({
    ...adapters,
    openTelemetry: async (log, readings) => {
      const telemetry = await adapters.openTelemetry(log, readings)
      const showLate = delaySeries('ff_changes_total', now)
      const metrics = async () => {
        const { type, text } = await telemetry.metrics()
        const renamed = text.replaceAll('ff_decisions_total', 'ff_decided_total')
        return { type, text: showLate(renamed.replaceAll(/^ff_store_up\b.*$/gm, '')) }
      }
      return { ...telemetry, metrics }
    },
  })

/** Shows the series of a metric as they were until they have not changed for long enough. */
function delaySeries(metric: string, now: Now): (text: string) => string {
  const own = new RegExp(`^${metric}\\b.*$`, 'gm')
  let shown: string | null = null
  let latest = { at: 0, text: '' }
  return (text) => {
    const lines = (text.match(own) ?? []).join('\n')
    const at = now().getTime()
    if (lines !== latest.text) latest = { at, text: lines }
    if (shown === null || at - latest.at >= AGE_MS) shown = lines
    return [text.replaceAll(own, ''), shown, ''].join('\n')
  }
}
