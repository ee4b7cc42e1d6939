import { DECISION_REASONS } from '../../../core/observe/bounds.ts'
import { MINUTE_MS, type ObservedMinute } from '../../../core/observe/minute.ts'
import { instantFromMs } from '../../../core/rows/instant.ts'

const START = Date.parse('2026-01-01T00:00:00.000Z')
const QUIET = { p50: 0.1, p95: 0.2, p99: 0.5 }
/** Of each reason in a minute: 300,000 comparisons take 20,000 minutes of one reason, and 48 hours of fifteen. */
const EACH = 8

/** A recording without a blemish, of so many minutes; `change` plants one in a minute by its number. */
export const plantRecording = (
  minutes: number,
  change: (number: number) => Partial<ObservedMinute> | null = () => ({}),
): readonly ObservedMinute[] =>
  Array.from({ length: minutes }, (_, number) => {
    const changed = change(number)
    return changed === null ? [] : [{ ...makeMinute(number), ...changed }]
  }).flat()

const makeMinute = (number: number): ObservedMinute => ({
  minute: instantFromMs(START + number * MINUTE_MS),
  measured_ms: MINUTE_MS,
  identities: [IDENTITY],
  instances: INSTANCES,
  restarts: 0,
  compared: Object.fromEntries(DECISION_REASONS.map((reason) => [reason, EACH])),
  divergences: {},
  in_flight: 0,
  dropped: 0,
  requests: EACH * DECISION_REASONS.length,
  errors: 0,
  latency: { file: QUIET, database: QUIET },
  lag_ms: null,
  resources: {
    memory: { used: 200, limit: 1000 },
    connections: { used: 10, limit: 100 },
    disk: { used: 100, limit: 1000 },
  },
  disturbed_by: [],
  drill: false,
})

/** What the instances of a planted recording say they are. */
export const IDENTITY = 'planted'
export const INSTANCES = 2
