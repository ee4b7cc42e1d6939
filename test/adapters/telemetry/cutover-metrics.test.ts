import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { registerCutover } from '../../../src/adapters/telemetry/cutover-metrics.ts'
import { loadArtefact, packagedArtefact } from '../../../src/artefacts/load.ts'
import type { CutoverReadings } from '../../../src/ports/telemetry.ts'
import { ROOT } from '../../support/run-ff.ts'
import { listCutoverMetrics } from '../../support/service-metrics.ts'

const READINGS: CutoverReadings = {
  phase: 'dual_write',
  epoch: 7,
  role: 'writer',
  drill: true,
  mirror: { lag_seq: 3, lag_seconds: 0.5 },
  writes: {
    acknowledged: 11,
    mirror_behind: 2,
    outcome_unknown: 0,
    idempotency_key_reused: 1,
    refused: 4,
  },
  renewals_failed: { file: 0, database: 5 },
}

async function scrape(...readings: readonly CutoverReadings[]): Promise<readonly string[]> {
  const registry = new Registry()
  const left = [...readings]
  const set = registerCutover([registry], () => left.shift() as CutoverReadings)
  while (left.length > 0) set()
  const lines = (await registry.metrics()).split('\n')
  return lines.filter((line) => line !== '' && !line.startsWith('#'))
}

test('the metrics of an instance in a cutover are those of the contract', async () => {
  const read = await loadArtefact('alert_rules', packagedArtefact(ROOT, 'alert_rules'))
  if (!read.ok) throw new Error('the contract does not fit its schema')
  const signals = read.loaded.value.signals.filter(({ process }) => process === 'managed')
  expect(signals.length).toBeGreaterThan(0)
  expect(listCutoverMetrics().map(({ name, type, labels }) => [name, type, labels])).toEqual(
    signals.map(({ metric, type, labels }) => [metric, type, labels]),
  )
})

test('the writer shows phase, epoch, lag, and what was answered', async () => {
  const lines = await scrape(READINGS, READINGS)
  expect(lines).toEqual([
    'ff_cutover_phase{phase="file"} 0',
    'ff_cutover_phase{phase="dual_write"} 1',
    'ff_cutover_phase{phase="shadow_read"} 0',
    'ff_cutover_phase{phase="db_authoritative"} 0',
    'ff_cutover_phase{phase="complete"} 0',
    'ff_cutover_epoch 7',
    'ff_cutover_writer 1',
    'ff_cutover_drill 1',
    'ff_cutover_lag_changes 3',
    'ff_cutover_lag_seconds 0.5',
    'ff_cutover_writes_total{answer="acknowledged"} 11',
    'ff_cutover_writes_total{answer="mirror_behind"} 2',
    'ff_cutover_writes_total{answer="outcome_unknown"} 0',
    'ff_cutover_writes_total{answer="idempotency_key_reused"} 1',
    'ff_cutover_writes_total{answer="refused"} 4',
    'ff_cutover_renewals_failed_total{place="file"} 0',
    'ff_cutover_renewals_failed_total{place="database"} 5',
  ])
})

test('one that is not the writer any more shows no lag', async () => {
  const lines = await scrape(READINGS, { ...READINGS, role: 'follower', mirror: null })
  expect(lines).toContain('ff_cutover_writer 0')
  expect(lines.filter((line) => line.startsWith('ff_cutover_lag'))).toEqual([])
})
