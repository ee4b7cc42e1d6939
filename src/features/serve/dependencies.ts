import type { Environment } from '../../core/auth/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { AdminMetrics, ApprovalService } from '../../ports/admin.ts'
import type { Authenticator } from '../../ports/auth.ts'
import type { ServiceStore } from '../../ports/store.ts'
import type { ServiceObserver } from '../../ports/telemetry.ts'

/** What a service answers with. A harness puts others in their place between two requests. */
export interface ServiceDependencies {
  readonly store: ServiceStore
  readonly authenticator: Authenticator
  readonly approvals: ApprovalService
  readonly environment: Environment
  readonly now: () => Instant
  readonly observer: ServiceObserver
}
export type GetServiceDependencies = () => ServiceDependencies

/** Page 5: how much one answer holds. */
export const MAX_BULK = 500
export const MAX_ALL = 5_000
export const MAX_PAGE = 500
export const DEFAULT_PAGE = 100

/** Is told of what a service does and keeps none of it: a proof reads it off the answers. */
export const NULL_OBSERVER: ServiceObserver = {
  decided: () => undefined,
  changed: () => undefined,
  unverified: () => undefined,
}
/** What an Admin counts that is played, or is none. */
export const NULL_ADMIN_METRICS: AdminMetrics = {
  calls: { answered: 0, failed: 0, refused: 0 },
  breaker: null,
  sockets: 0,
}
/** Nobody answers for approvals. */
export const NULL_APPROVALS: ApprovalService = {
  begin: () => () => Promise.resolve({ status: 'unreachable' }),
  metrics: () => NULL_ADMIN_METRICS,
  close: () => Promise.resolve(),
}
