import type { AdminMetrics, ApprovalService } from '../../ports/admin.ts'
import type { ServiceObserver } from '../../ports/telemetry.ts'

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
