import type { AuditChainHead } from '../core/audit/record.ts'
import type { Decision } from '../core/evaluate/types.ts'
import type { WriteRequest } from '../core/rows/write-request.ts'
import type { AdminMetrics } from './admin.ts'
import type { AuthenticatorMetrics } from './auth.ts'
import type { HttpObserver } from './http.ts'

/** What a service says of itself, a line of JSON each. Nothing that is given is a secret or a value of a flag. */
export interface ServiceLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Told what a service does, to count it; costs whoever tells next to nothing. */
export interface ServiceObserver {
  decided(decision: Pick<Decision, 'decision' | 'reason'>): void
  /** What became of a change that somebody who was let in asked for. */
  changed(action: WriteRequest['action'], outcome: ChangeOutcome): void
  /** Somebody was let in by a token that nobody verified (page 2, containment). @param sub as it says, and an id */
  unverified(sub: string): void
}

/** `failed` where the store did not take it; `refused` where it was the caller's doing. */
export type ChangeOutcome = 'applied' | 'refused' | 'failed'

/** What metrics are read from when somebody asks for them. */
export interface MetricReadings {
  readonly in_flight_limit: number
  readonly inFlight: () => number
  readonly authenticator: () => AuthenticatorMetrics
  readonly admin: () => AdminMetrics
  /** The end of the audit chain; null where the store gives no answer in its time. */
  readonly head: () => Promise<AuditChainHead | null>
}

/** What a service says of itself to those who look after it. */
export interface Telemetry {
  readonly httpObserver: HttpObserver
  readonly observer: ServiceObserver
  /** In Prometheus' text format 0.0.4. */
  readonly metrics: () => Promise<{ readonly type: string; readonly text: string }>
}
