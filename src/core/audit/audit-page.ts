import { instantToMs, type Instant } from '../rows/instant.ts'
import type { AuditRecord } from './record.ts'
import type { SinkStatus } from './sink.ts'

/** A page of an audit chain, newest record first. */
export interface AuditQuery {
  /** The page begins below this number; null for the end of the chain. */
  readonly after: number | null
  /** Only records with this target; null for any. */
  readonly target: string | null
  /** Only records from this time on, and before that; null for no bound. */
  readonly since: Instant | null
  readonly until: Instant | null
  /** Most records of the page. */
  readonly limit: number
}
/** A page of records; a store looks at a bounded part of the chain for it, so that it may hold fewer than `limit`. */
export interface AuditPage {
  readonly records: readonly AuditRecord[]
  /** The sink status of a record of the page, by its number. */
  readonly sinkStatus: (seq: number) => SinkStatus
  /** The `after` of the following page; null where no earlier record can match. */
  readonly next: number | null
}

/** Most records with the target that a store looks at for one page. */
export const MOST_LOOKED = 10_000
/**
 * Instances take the times of their records from their own clocks, so a record may be older than one with a lower number:
 * by less than an hour, and a list ends at a record that is older than `since` by more.
 */
export const CLOCK_DIFFERENCE_MS = 3_600_000

/**
 * What a record is for a query: `listed`; `unlisted` with its target but outside of its times; `other` of another target;
 * or `past`, where no record before it can be within its times.
 */
export function judgeRecord(
  { target, since, until }: AuditQuery,
  record: Pick<AuditRecord, 'target' | 'occurred_at'>,
): 'listed' | 'unlisted' | 'other' | 'past' {
  const { occurred_at: time } = record
  if (since !== null && instantToMs(time) < instantToMs(since) - CLOCK_DIFFERENCE_MS) return 'past'
  if (target !== null && record.target !== target) return 'other'
  return (since === null || time >= since) && (until === null || time < until)
    ? 'listed'
    : 'unlisted'
}
