import type { Instant } from '../rows/instant.ts'

export const MINUTE_MS = 60_000

/** Percentiles of the answers of one side in milliseconds; null where it gave none. */
export interface SideLatency {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}
/** How much of something is used, and how much there is. */
export interface ResourceUse {
  readonly used: number
  readonly limit: number
}
/** Stands for a use that was not measured. */
export const UNMEASURED: ResourceUse = { used: 1, limit: 1 }
export const RESOURCES = ['memory', 'connections', 'disk'] as const
export type Resource = (typeof RESOURCES)[number]

/** What the instances of staging did in one minute; counts are sums over the instances. */
export interface ObservedMinute {
  /** When it began: a whole minute of the wall clock. */
  readonly minute: Instant
  /** Its length by a monotonic clock, in milliseconds. */
  readonly measured_ms: number
  /** What the instances say they are, as digests; one where all say the same, none where no instance answered. */
  readonly identities: readonly string[]
  readonly instances: number
  /** Starts of instances. */
  readonly restarts: number
  /** Decisions that were made on both sides, by the reason of the decision. */
  readonly compared: Readonly<Record<string, number>>
  /** Decisions that differ, by the first field that does, or `stale`. */
  readonly divergences: Readonly<Record<string, number>>
  /** Decisions whose rows changed between the two sides, so that they say nothing. */
  readonly in_flight: number
  /** Decisions that were not compared, because the queue was full. */
  readonly dropped: number
  readonly requests: number
  readonly errors: number
  readonly latency: { readonly file: SideLatency; readonly database: SideLatency }
  /** Age of the oldest change that one side alone has, in milliseconds; null where none does. */
  readonly lag_ms: number | null
  /** Of the instance that uses most of it. */
  readonly resources: Readonly<Record<Resource, ResourceUse>>
  /** Items whose probe disturbed the instances. */
  readonly disturbed_by: readonly string[]
  /** Whether a drill of the cutover was on its way. */
  readonly drill: boolean
}

/** The sum of the counts of a record. */
export const sumCounts = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)
