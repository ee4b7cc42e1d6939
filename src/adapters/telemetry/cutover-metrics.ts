import type { Registry } from 'prom-client'
import { CUTOVER_PHASES } from '../../core/cutover/phases.ts'
import type { CutoverReadings } from '../../ports/telemetry.ts'
import { createMetricFactory, setTotal } from './metric-factory.ts'

/**
 * Registers what only an instance in a cutover has.
 *
 * @returns a function that sets the metrics to the current readings, to call at each scrape
 */
export function registerCutover(registers: Registry[], read: () => CutoverReadings): () => void {
  const { gauge, counter } = createMetricFactory(registers)
  const phase = gauge(
    'ff_cutover_phase',
    'The phase of the cutover: 1 for the one that this instance holds.',
    ['phase'],
  )
  const epoch = gauge(
    'ff_cutover_epoch',
    'Epoch of the record that this instance holds; 0 before it has read one.',
  )
  const writer = gauge(
    'ff_cutover_writer',
    'Whether this instance holds the lock of the file, 1 or 0.',
  )
  const drill = gauge('ff_cutover_drill', 'Whether a drill is under way, 1 or 0.')
  const lag = gauge('ff_cutover_lag_changes', 'Changes that the second side lacks, by the writer.')
  const seconds = gauge(
    'ff_cutover_lag_seconds',
    'How long the second side has lacked a change, by the writer.',
  )
  const writes = counter('ff_cutover_writes_total', 'Changes answered in a cutover, by answer.', [
    'answer',
  ])
  const renewals = counter(
    'ff_cutover_renewals_failed_total',
    'Renewals of the lease that failed, by place.',
    ['place'],
  )
  return () => {
    const { mirror, ...now } = read()
    for (const one of CUTOVER_PHASES) phase.set({ phase: one }, one === now.phase ? 1 : 0)
    epoch.set(now.epoch ?? 0)
    writer.set(now.role === 'writer' ? 1 : 0)
    drill.set(now.drill ? 1 : 0)
    for (const one of [lag, seconds]) one.remove()
    if (mirror !== null) {
      lag.set(mirror.lag_seq)
      seconds.set(mirror.lag_seconds)
    }
    for (const [answer, total] of Object.entries(now.writes)) setTotal(writes, total, { answer })
    for (const [place, total] of Object.entries(now.renewals_failed))
      setTotal(renewals, total, { place })
  }
}
