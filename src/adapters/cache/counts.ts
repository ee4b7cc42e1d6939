import { MISS_REASONS, type MissReason } from '../../core/cache/entry.ts'
import { CHANGE_KINDS, type ChangeKind } from '../../core/feed/types.ts'
import { CACHE_LEVELS, type CacheLevel, type CacheMetrics } from '../../ports/cache.ts'

const zeros = <T extends string>(names: readonly T[]): Record<T, number> =>
  Object.fromEntries(names.map((name) => [name, 0])) as Record<T, number>

/** Counts what a cache does, and the time in which it is degraded. */
export class CacheCounts {
  readonly hits = zeros<CacheLevel>(CACHE_LEVELS)
  readonly misses = zeros<MissReason>(MISS_REASONS)
  readonly invalidations = zeros<ChangeKind>(CHANGE_KINDS)
  loads = 0
  coalesced = 0
  errors = 0
  private readonly now: () => number
  /** What makes the cache degraded now. */
  private readonly causes = new Set<'redis' | 'distrust'>()
  private since: number | null = null
  private degradedMs = 0

  /** @param now a monotonic clock in milliseconds */
  constructor(now: () => number) {
    this.now = now
  }

  /** Notes that a cause of degradation begins or has ended. */
  degraded(cause: 'redis' | 'distrust', degraded: boolean): void {
    if (degraded) this.causes.add(cause)
    else this.causes.delete(cause)
    if (this.causes.size > 0) this.since ??= this.now()
    else if (this.since !== null) {
      this.degradedMs += this.now() - this.since
      this.since = null
    }
  }

  /** The counts so far. @param entries in memory now */
  read(entries: number): CacheMetrics {
    const running = this.since === null ? 0 : this.now() - this.since
    return {
      hits: { ...this.hits },
      misses: { ...this.misses },
      invalidations: { ...this.invalidations },
      loads: this.loads,
      coalesced: this.coalesced,
      errors: this.errors,
      degraded_seconds: (this.degradedMs + running) / 1000,
      entries,
    }
  }
}
