/** Within what Admin is asked (page 5). */
export interface AdminLimits {
  /** For a whole call, from the name of the host to the last byte; for all calls of a request together too. */
  readonly timeout_ms: number
  /** Null where nothing stands before it. */
  readonly breaker: BreakerLimits | null
}
export interface BreakerLimits {
  /** It opens at this many failures... */
  readonly failures: number
  /** ...within this long... */
  readonly within_ms: number
  /** ...and lets one call through after this long. */
  readonly half_open_after_ms: number
}

export const ADMIN_LIMITS = {
  timeout_ms: 1_000,
  breaker: { failures: 5, within_ms: 10_000, half_open_after_ms: 5_000 },
} as const satisfies AdminLimits
