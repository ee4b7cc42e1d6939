import { expect, test } from 'vitest'
import { openShipTelemetry } from '../../../src/adapters/telemetry/index.ts'
import { createShipMetrics } from '../../../src/adapters/telemetry/ship-metrics.ts'
import { parseExposition } from '../../../src/core/alerts/exposition.ts'
import type { ShipBacklog } from '../../../src/ports/shipping.ts'
import type { ServiceLog } from '../../../src/ports/telemetry.ts'

const BACKLOG: ShipBacklog = {
  failed: 2,
  slots: [
    { slot: 0, pending: 3, oldest_seconds: 4.5 },
    { slot: 1, pending: 0, oldest_seconds: null },
    { slot: 2, pending: 1, oldest_seconds: 60 },
  ],
}

async function scrape(text: () => Promise<string>) {
  const read = parseExposition(await text())
  if (!read.ok) throw new Error(read.code)
  return (name: string, slot?: string): number | undefined =>
    read.samples.find((one) => one.name === name && one.labels['slot'] === slot)?.value
}

test('the metrics of a shipper count what it did, and show what is left', async () => {
  const { observe, text } = createShipMetrics(() => Promise.resolve(BACKLOG))
  observe({ kind: 'sent', slot: 0, groups: [], ms: 1 })
  observe({
    kind: 'marked',
    slot: 0,
    marks: [
      { kind: 'delivered', seq: 1, partition: 0, offset: 0 },
      { kind: 'delivered', seq: 2, partition: 0, offset: 1 },
      { kind: 'waiting', seq: 3, attempts: 1, reason: 'r', delay_ms: 500 },
      { kind: 'failed', seq: 4, attempts: 9, reason: 'r' },
    ],
  })
  observe({ kind: 'suspended', slot: 0, reason: 'r', delay_ms: 500 })
  const value = await scrape(text)
  const names = ['delivered', 'retries', 'failed', 'sends', 'unanswered']
  expect(names.map((name) => value(`ff_ship_${name}_total`))).toEqual([2, 1, 1, 1, 1])
  expect(value('ff_audit_pending')).toBe(4)
  expect(value('ff_audit_failed')).toBe(2)
  expect(value('ff_audit_oldest_pending_seconds')).toBe(60)
  expect(['0', '1', '2'].map((slot) => value('ff_ship_slot_lag_seconds', slot))).toEqual([
    4.5, 0, 60,
  ])
})

test('a store that does not tell what is left has no values for it', async () => {
  let backlog: ShipBacklog | null = BACKLOG
  const { text } = createShipMetrics(() => Promise.resolve(backlog))
  expect((await scrape(text))('ff_audit_pending')).toBe(4)
  backlog = null
  const value = await scrape(text)
  expect(value('ff_audit_pending')).toBeUndefined()
  expect(value('ff_ship_slot_lag_seconds', '0')).toBeUndefined()
  expect(value('ff_ship_delivered_total')).toBe(0)
})

test('the server of a shipper logs a bug without its message, which may quote a record', () => {
  const lines: unknown[] = []
  const log = { error: (...line: unknown[]) => void lines.push(line) } as unknown as ServiceLog
  const { httpObserver } = openShipTelemetry(log, () => Promise.resolve(null))
  httpObserver.failed(new Error('hunter2'), 'r1')
  const error = { name: 'Error', at: expect.any(Array) as unknown }
  expect(lines).toEqual([[{ request_id: 'r1', error }, 'bug']])
  expect(JSON.stringify(lines)).not.toContain('hunter2')
})
