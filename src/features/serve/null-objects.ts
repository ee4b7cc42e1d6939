import type { AdminMetrics, Approvals } from '../../ports/admin.ts'
import type { ServiceObserver } from '../../ports/telemetry.ts'

/** Is told of what a service does and keeps none of it: a proof reads it off the answers. */
export const NO_OBSERVER: ServiceObserver = {
  decided: () => undefined,
  changed: () => undefined,
  unverified: () => undefined,
}
/** What an Admin counts that is played, or is none. */
export const NOTHING_ASKED: AdminMetrics = {
  calls: { answered: 0, failed: 0, refused: 0 },
  breaker: null,
  sockets: 0,
}
/** Nobody answers for approvals. */
export const NO_APPROVALS: Approvals = {
  begin: () => () => Promise.resolve({ status: 'unreachable' }),
  metrics: () => NOTHING_ASKED,
  close: () => Promise.resolve(),
}
