import type { CacheContract } from '../core/cache/contract.ts'
import type { EntryChecks } from '../core/cache/entry-checks.ts'
import type { MissReason } from '../core/cache/entry.ts'
import type { DropReason } from '../core/cache/messages.ts'
import type { Decision, EvaluationInput } from '../core/evaluate/types.ts'
import type { FeedPosition } from '../core/feed/subscriber.ts'
import type { ChangeKind, FeedEntry } from '../core/feed/types.ts'
import type { EntryClient } from './redis.ts'
import type { FlagReader, ServiceStore, SnapshotReader } from './store.ts'

/** A change as the cache takes it: from the feed, or from a write of this process. */
export type CacheChange = Pick<FeedEntry, 'seq' | 'kind' | 'target'>

/** Receives changes; their order does not matter, nor that one comes again. */
export interface ChangeSubscriber {
  /** Drops what a change made invalid: in this process at once, in Redis soon after. */
  apply(change: CacheChange): void
  /** Changes may have been missed: until `trust`, every read goes to the store. */
  distrust(): void
  /** The feed is another one: forgets all entries and changes, until `trust`. */
  reset(): void
  /**
   * Every change up to this position was applied. The first position, or that of a new epoch, is a new beginning.
   *
   * @param until when trust ends by itself, in milliseconds of `performance.now`: a process that was stopped answers
   *   requests before its timers run; default never
   */
  trust(position: FeedPosition, until?: number): void
}

/** Decisions of verified callers in Redis. */
export interface DecisionCache {
  /** A cached decision that holds for these facts; null where the rows are in memory anyway, or there is none. */
  find(facts: Omit<EvaluationInput, 'rows'>): Promise<Decision | null>
  /** Caches a decision that may be, unless its rows came from memory; returns before it is stored. */
  offer(facts: EvaluationInput, decision: Decision): void
}

/** Rows of a database through the memory of the process and Redis. */
export interface RowCache extends ChangeSubscriber, FlagReader, Pick<ServiceStore, 'readMany'> {
  readonly decisions: DecisionCache
  metrics(): CacheMetrics
  /** Ends what goes on in the background; the client of Redis stays open. */
  close(): Promise<void>
}

/** Where an entry was found: in the memory of this process, or in Redis. */
export const CACHE_LEVELS = ['local', 'redis'] as const
export type CacheLevel = (typeof CACHE_LEVELS)[number]

/** Counts since the cache was opened. */
export interface CacheMetrics {
  readonly hits: Readonly<Record<CacheLevel, number>>
  /** Keys that Redis was asked for in vain. */
  readonly misses: Readonly<Record<MissReason, number>>
  /** Reads of the store. */
  readonly loads: number
  /** Keys that waited for the load of another request or process. */
  readonly coalesced: number
  /** Calls to Redis that gave no result. */
  readonly errors: number
  /** Time in which Redis gave no result, or the cache was not trusted. */
  readonly degraded_seconds: number
  readonly invalidations: Readonly<Record<ChangeKind, number>>
  /** Entries in memory now. */
  readonly entries: number
}

/** How an instance follows the feed. */
export interface FeedMetrics {
  /** Since the instance knew that it has every change. */
  readonly staleness_seconds: number
  /** Messages that showed that changes were missed. */
  readonly gaps: number
  /** Connections to the channels after the first; absent without Redis, as `dropped` is. */
  readonly reconnects?: number
  /** Messages that were dropped. */
  readonly dropped?: Readonly<Record<DropReason, number>>
}

/** What a cache is opened with; `redis` and `store` stay open after its `close`. */
export interface CacheOptions {
  readonly contract: CacheContract
  /** HMAC key of entries, at least 32 bytes. */
  readonly key: Uint8Array
  readonly redis: EntryClient
  readonly store: SnapshotReader
  /** Default `ENTRY_CHECKS`. Only the selftest replaces them, by faulty ones. */
  readonly checks?: EntryChecks
}
