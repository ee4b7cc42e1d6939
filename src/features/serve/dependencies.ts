import type { Environment } from '../../core/auth/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { AdminMetrics, ApprovalService } from '../../ports/admin.ts'
import type { Authenticator } from '../../ports/auth.ts'
import type { RefusedWrite, ServiceStore } from '../../ports/store.ts'
import type { ServiceObserver } from '../../ports/telemetry.ts'
import type { CacheChannel } from './cache-channel.ts'
import type { CachedReader } from './cached-reader.ts'
import type { ChangeListeners } from './change-listeners.ts'
import type { LastKnownGood } from './last-known-good.ts'
import type { ShadowComparer } from './shadow-comparer.ts'
import type { ManagedStore } from './managed-store.ts'
import type { Signals } from './signals.ts'

/** All that the routes of a service use. A harness replaces them between two requests. */
export interface ServiceDependencies {
  readonly store: ServiceStore
  /** Decides while the store is away; null for a store that reads from memory anyway. */
  readonly lastKnown: LastKnownGood | null
  /** The store of an instance in a cutover, which reads and marks decisions by itself; absent outside of one. */
  readonly managed?: ManagedStore
  /** The clients that listen for changes; absent in a harness. */
  readonly changes?: ChangeListeners
  /** Rows and decisions through the cache; absent without one. */
  readonly reader?: CachedReader
  /** Compares decisions with those of the other side; absent outside of a cutover. */
  readonly shadow?: Pick<ShadowComparer, 'offer'>
  /** Publishes the changes of this instance; absent without a cache. */
  readonly channel?: CacheChannel
  /** What announcements do in this process; absent in a harness. */
  readonly signals?: Signals
  readonly authenticator: Authenticator
  readonly approvals: ApprovalService
  readonly environment: Environment
  readonly now: () => Instant
  readonly observer: ServiceObserver
  /** Has a refused change recorded in the audit trail. */
  readonly recordRefusal: (refused: RefusedWrite) => Promise<unknown>
}
export type GetServiceDependencies = () => ServiceDependencies

/** Limits of one response, in flags: named in one request, all flags, and a page of the registry. */
export const MAX_BULK = 500
export const MAX_ALL = 5_000
export const MAX_PAGE = 500
export const DEFAULT_PAGE = 100

/** An observer that records nothing. */
export const NULL_OBSERVER: ServiceObserver = {
  decided: () => undefined,
  changed: () => undefined,
  unverified: () => undefined,
}
/** The metrics of an Admin that is scripted or not configured. */
export const NULL_ADMIN_METRICS: AdminMetrics = {
  calls: { answered: 0, failed: 0, refused: 0 },
  breaker: null,
  sockets: 0,
}
/** Approvals without a source: each check is `unreachable`. */
export const NULL_APPROVALS: ApprovalService = {
  begin: () => () => Promise.resolve({ status: 'unreachable' }),
  abandon: () => undefined,
  metrics: () => NULL_ADMIN_METRICS,
  close: () => Promise.resolve(),
}
