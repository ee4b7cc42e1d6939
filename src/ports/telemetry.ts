import type { AuditChainHead } from '../core/audit/record.ts'
import type { BackingKind, Decision } from '../core/evaluate/types.ts'
import type { ResourceUse } from '../core/observe/minute.ts'
import type { CutoverPhase } from '../core/cutover/phases.ts'
import type { WriteAnswer } from '../core/cutover/write.ts'
import type { WriteRequest } from '../core/rows/write-request.ts'
import type { AdminMetrics } from './admin.ts'
import type { AuthenticatorMetrics } from './auth.ts'
import type { CacheMetrics, FeedMetrics } from './cache.ts'
import type { HttpObserver } from './http.ts'
import type { ShipObserver } from './shipping.ts'
import type { SinkBacklog } from './store.ts'

/** Log of a service, one line of JSON per entry. Callers pass no secret and no flag value. */
export interface ServiceLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** Lines that were dropped, because their reader did not take them. */
  dropped(): number
}

/** Receives the events of a service, to count them. Each call is cheap: it adds to counters in memory. */
export interface ServiceObserver {
  decided(decision: Pick<Decision, 'decision' | 'reason'>): void
  /** The outcome of a write of an authenticated caller. */
  changed(action: WriteRequest['action'], outcome: ChangeOutcome): void
  /**
   * A request was accepted with an unverified token (mode `decode-only`).
   *
   * @param sub the token's subject, a valid id
   */
  unverified(sub: string): void
}

/** Counts the comparison of decisions with the other side. Each call is cheap. */
export interface ShadowObserver {
  /** Both sides decided the same. */
  compared(reason: Decision['reason']): void
  /** They did not. @param field JSON pointer of the first field that differs, or `stale` */
  diverged(field: string): void
  /** A change reached one side after the other, within the staleness bound. */
  inFlight(): void
  /** Not compared, because too many waited. */
  dropped(): void
  /** The other side did not answer. */
  failed(): void
  /** How long a side took to answer, in milliseconds. */
  answered(side: BackingKind, ms: number): void
}

/** `refused`: the request is at fault. `failed`: the store could not write. */
export type ChangeOutcome = 'applied' | 'refused' | 'failed'

/** Values that are read at each scrape of the metrics. */
export interface MetricReadings {
  readonly in_flight_limit: number
  readonly inFlight: () => number
  /** Log lines that were dropped so far. */
  readonly droppedLines: () => number
  readonly authenticator: () => AuthenticatorMetrics
  readonly admin: () => AdminMetrics
  /** Flags that the last known rows decided so far. */
  readonly staleDecisions: () => number
  /** Null without a cache. */
  readonly cache: () => CacheMetrics | null
  /** Null for a store without a feed. */
  readonly feed: () => FeedMetrics | null
  /** The end of the audit chain; null where the store does not answer in time. */
  readonly head: () => Promise<AuditChainHead | null>
  /** Null where the store does not tell. */
  readonly backlog: () => Promise<BacklogReading | null>
  /** The file system of the store, in bytes; null where the store is no folder. */
  readonly disk: () => Promise<ResourceUse | null>
  /** Absent outside of a cutover. */
  readonly cutover?: () => CutoverReadings
}

/** What an instance in a cutover counts. */
export interface CutoverReadings {
  /** Null before it has read a record, as `epoch`. */
  readonly phase: CutoverPhase | null
  readonly epoch: number | null
  readonly role: 'writer' | 'follower' | 'remote'
  /** Whether the record that it holds is of a drill. */
  readonly drill: boolean
  /** How far the second side is behind; null where there is none, and where another process is the writer. */
  readonly mirror: { readonly lag_seq: number; readonly lag_seconds: number } | null
  readonly writes: Readonly<Record<WriteAnswer['status'], number>>
  readonly renewals_failed: { readonly file: number; readonly database: number }
}

/** What is not delivered of the audit trail. */
export interface BacklogReading extends Pick<SinkBacklog, 'pending' | 'failed'> {
  /** Age of the oldest pending record; null where it is of no interest. */
  readonly oldest_seconds: number | null
}

/** The metrics of a shipper, and the observer that logs the responses of its server. */
export interface ShipTelemetry extends Pick<Telemetry, 'metrics' | 'httpObserver'> {
  readonly observe: ShipObserver
}

/** The observers of a service, and its metrics. */
export interface Telemetry {
  readonly httpObserver: HttpObserver
  readonly observer: ServiceObserver
  readonly shadow: ShadowObserver
  /** The metrics in Prometheus text format 0.0.4, and its media type. */
  readonly metrics: () => Promise<{ readonly type: string; readonly text: string }>
}
