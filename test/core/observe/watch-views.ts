import { reportObservation } from '../../../src/core/observe/report.ts'
import type { WatchedTraffic } from '../../../src/core/observe/traffic.ts'
import {
  buildWatchView,
  type WatchReading,
  type WatchReadings,
  type WatchView,
} from '../../../src/core/observe/watch-view.ts'
import type { CutoverStatusDocument } from '../../../src/core/report/cutover-documents.ts'
import type { GateItem, GateReport } from '../../../src/core/report/types.ts'
import { makeMinutes, START } from './minutes.ts'

const HASH = 'a'.repeat(64)
export const makeStatus = (change: Partial<CutoverStatusDocument> = {}): CutoverStatusDocument => ({
  phase: 'shadow_read',
  epoch: 7,
  attempt: 2,
  armed: false,
  intent: null,
  survivor: 'file',
  scratch: false,
  drill_ends_at: null,
  file: { epoch: 7, phase: 'shadow_read', seq: 12, hash: HASH },
  database: { epoch: 7, phase: 'shadow_read', seq: 12, hash: HASH, identity: 'db', closed: false },
  lag: { changes: 0 },
  instances: [
    {
      id: 'one',
      host: 'host-1',
      pid: 1,
      code: 'sha256:1',
      epoch: 7,
      places: ['file'],
      live: true,
      writer: true,
    },
  ],
  blocks: [{ code: 'needs_go', detail: 'ff gate says GO, or what is missing' }],
  next: { standing: 'ready', command: 'ff cutover advance' },
  ...change,
})

const LEVEL = { p50: 1, p95: 2, p99: 3.25 }
export const makeTraffic = (change: Partial<WatchedTraffic> = {}): WatchedTraffic => ({
  window_s: 30,
  instances: [
    {
      admin: 'http://127.0.0.1:9420',
      answers: true,
      phase: 'shadow_read',
      epoch: 7,
      writer: true,
    },
    {
      admin: 'http://127.0.0.1:9421',
      answers: true,
      phase: 'shadow_read',
      epoch: 7,
      writer: false,
    },
  ],
  latency: { file: LEVEL, database: LEVEL },
  requests: 1_000,
  errors: 0,
  writes: { count: 20, p99_ms: 12.5 },
  compared: 980,
  dropped: 0,
  divergences: {},
  lag: { changes: 0, ms: 0 },
  audit: { pending: 0, failed: 0, oldest_s: 0 },
  ...change,
})

export const makeItem = (change: Partial<GateItem> = {}): GateItem =>
  ({ id: 'A1', state: 'pass', title: 'Algorithms', codes: [], ...change }) as GateItem
/** What a watch reads of the report of a gate. */
export const makeGate = (change: Partial<GateReport> = {}): GateReport =>
  ({
    verdict: 'go',
    valid_until: new Date(START + 3 * 3_600_000).toISOString(),
    window: null,
    counts: { expected: 1, states: { waived: 0 } },
    team_commands: [],
    findings: [],
    items: [makeItem()],
    expires_next: [{ id: 'A1', at: new Date(START + 4 * 3_600_000).toISOString() }],
    next: null,
    fix: null,
    ...change,
  }) as GateReport

export const readNow = <T>(value: T, change: Partial<WatchReading<T>> = {}): WatchReading<T> => ({
  at_ms: 1_000,
  fresh_ms: 10_000,
  result: { ok: true, value },
  ...change,
})
export const readAway = <T>(reason: string): WatchReading<T> => ({
  at_ms: 1_000,
  fresh_ms: 10_000,
  result: { ok: false, reason },
})
/** Two hours of staging, just over. */
export const NOW = { wall_ms: START + 2 * 3_600_000, at_ms: 3_000 }
export const NOTHING: WatchReadings = { cutover: null, traffic: null, recording: null, gate: null }
export const makeReadings = (change: Partial<WatchReadings> = {}): WatchReadings => ({
  cutover: readNow(makeStatus()),
  traffic: readNow(makeTraffic()),
  recording: readNow(reportObservation(makeMinutes(0, 120), NOW.wall_ms)),
  gate: readNow(makeGate()),
  ...change,
})
export const makeView = (change: Partial<WatchReadings> = {}, now = NOW): WatchView =>
  buildWatchView(makeReadings(change), now)
