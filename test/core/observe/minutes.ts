import { type Instant, instantFromMs } from '../../../src/core/rows/instant.ts'
import { MINUTE_MS, type ObservedMinute } from '../../../src/core/observe/minute.ts'

export const START = Date.parse('2026-12-01T00:00:00.000Z')
export const at = (minute: number): Instant => instantFromMs(START + minute * MINUTE_MS)
const LEVEL = { p50: 1, p95: 2, p99: 3 }

/** A clean minute of staging, so many minutes after the start. */
export const makeMinute = (
  number: number,
  change: Partial<ObservedMinute> = {},
): ObservedMinute => ({
  minute: at(number),
  measured_ms: MINUTE_MS,
  identities: ['one'],
  instances: 2,
  restarts: 0,
  compared: { default: 100, kill_switch: 50 },
  divergences: {},
  in_flight: 0,
  dropped: 0,
  requests: 150,
  errors: 0,
  latency: { file: LEVEL, database: LEVEL },
  lag_ms: null,
  resources: {
    memory: { used: 100, limit: 1000 },
    connections: { used: 10, limit: 100 },
    disk: { used: 5, limit: 100 },
  },
  disturbed_by: [],
  drill: false,
  ...change,
})

/** Minutes `from` to `until` (exclusive), all changed in the same way. */
export const makeMinutes = (
  from: number,
  until: number,
  change: Partial<ObservedMinute> = {},
): readonly ObservedMinute[] =>
  Array.from({ length: until - from }, (_, one) => makeMinute(from + one, change))
