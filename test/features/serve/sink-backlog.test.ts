import { expect, test } from 'vitest'
import { FfError } from '../../../src/errors.ts'
import { ShownBacklog, toBacklogReading } from '../../../src/features/serve/sink-backlog.ts'
import { DEFAULT_SETTINGS } from '../../../src/core/settings/settings.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'

const away = (): FfError => new FfError('backing_unavailable', 'away', { hint: 'wait' })

test('a backlog is asked for every few seconds at most', async () => {
  let [clock, asked] = [0, 0]
  const shown = new ShownBacklog(
    () => Promise.resolve((asked += 1)),
    { warn: () => undefined },
    () => clock,
  )
  expect(await Promise.all([shown.read(), shown.read()])).toEqual([1, 1])
  clock = 2_999
  expect(await shown.read()).toBe(1)
  clock = 3_000
  expect(await shown.read()).toBe(2)
})

test('a store that does not tell is logged once for each reason', async () => {
  let clock = 0
  let failing: Error | null = away()
  const lines: object[] = []
  const shown = new ShownBacklog(
    () => (failing === null ? Promise.resolve(1) : Promise.reject(failing)),
    { warn: (fields) => void lines.push(fields) },
    () => (clock += 10_000),
  )
  expect([await shown.read(), await shown.read()]).toEqual([null, null])
  expect(lines).toEqual([{ code: 'backing_unavailable' }])
  failing = null
  expect(await shown.read()).toBe(1)
  failing = away()
  expect(await shown.read()).toBeNull()
  expect(lines).toHaveLength(2)
  failing = new Error('a bug')
  await expect(shown.read()).rejects.toThrow('a bug')
})

test('the age of the oldest record counts where a broker is set', () => {
  const oldest_at = '2026-01-15T09:00:00.000Z' as Instant
  const backlog = { pending: 3, failed: 1, oldest_at }
  const now = () => new Date('2026-01-15T09:01:30.000Z')
  const set = { ...DEFAULT_SETTINGS, FF_KAFKA_BROKERS: ['127.0.0.1:9'] }
  const read = (of: typeof backlog | null, settings = DEFAULT_SETTINGS, at = now) =>
    toBacklogReading(of, { settings, now: at })
  expect(read(backlog, set)).toEqual({ pending: 3, failed: 1, oldest_seconds: 90 })
  expect(read(backlog)).toEqual({ pending: 3, failed: 1, oldest_seconds: null })
  // The clock of another instance is ahead.
  expect(read(backlog, set, () => new Date('2026-01-15T08:59:00.000Z'))?.oldest_seconds).toBe(0)
  expect(read(null, set)).toBeNull()
})
