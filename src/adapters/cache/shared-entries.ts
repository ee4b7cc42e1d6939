import type { EntryChecks } from '../../core/cache/entry-checks.ts'
import { type CacheEntry, type EntrySeal, sealEntry } from '../../core/cache/entry.ts'
import { type InvalidKeys, listValueKeys } from '../../core/cache/keys.ts'
import type { EntryClient, RedisOutcome } from '../../ports/redis.ts'
import type { CacheCounts } from './counts.ts'

/** Above it, patterns that wait for their scan are replaced by one for all decisions. */
const MOST_PATTERNS = 100
const ALL_DECISIONS = 'ptt:ff:eval:{*}'

/** Tokens of leases, by the key of the value. */
export type Leases = ReadonlyMap<string, string>
/** No lease, so that a reading is not stored in Redis. */
export const NO_LEASES: Leases = new Map()

interface SharedParts extends Pick<EntryChecks, 'open'> {
  readonly seal: EntrySeal
  readonly counts: CacheCounts
  readonly newToken: () => string
}

/**
 * The entries in Redis: sealed when they are written, and taken only with their seal. Nothing here throws or decides:
 * without a result of Redis the caller reads the store.
 */
export class SharedEntries {
  seal: EntrySeal
  private readonly redis: EntryClient
  private readonly counts: CacheCounts
  private readonly newToken: () => string
  private readonly open: EntryChecks['open']
  private readonly patterns = new Set<string>()
  private scanning = false
  private closed = false

  constructor(redis: EntryClient, { seal, counts, newToken, open }: SharedParts) {
    this.redis = redis
    this.seal = seal
    this.counts = counts
    this.newToken = newToken
    this.open = open
  }

  /**
   * The entries of some keys whose seal fits, by key; null where Redis gave no result.
   *
   * @param isCurrent whether an entry was read after the last known change
   */
  async get(
    keys: readonly string[],
    isCurrent: (key: string, entry: CacheEntry) => boolean,
  ): Promise<ReadonlyMap<string, CacheEntry> | null> {
    const stored = this.note(await this.redis.get(keys))
    if (stored === null) return null
    const found = new Map<string, CacheEntry>()
    for (const [at, key] of keys.entries()) {
      const one = stored[at]
      if (one?.kind !== 'text') {
        this.counts.misses[one?.kind ?? 'absent'] += 1
        continue
      }
      const opened = this.open(key, one.text, this.seal)
      if (!opened.ok) this.counts.misses[opened.reason] += 1
      else if (!isCurrent(key, opened.entry)) this.counts.misses.outdated += 1
      else found.set(key, opened.entry)
    }
    return found
  }

  /** Takes the leases of some values that no process holds; null where Redis gave no result for any. */
  async lease(keys: readonly string[], ttlMs: number): Promise<Leases | null> {
    const taken = await Promise.all(
      keys.map(async (key) => {
        const token = this.newToken()
        const set = this.note(await this.redis.setLease(listValueKeys(key).lease, token, ttlMs))
        return set === null ? null : ([key, set ? token : ''] as const)
      }),
    )
    const answered = taken.filter((one) => one !== null)
    return answered.length === 0 ? null : new Map(answered.filter(([, token]) => token !== ''))
  }

  /** Stores an entry under its lease, which it releases; a change since its reading prevents it. */
  async fill(
    { key, token }: { readonly key: string; readonly token: string },
    entry: CacheEntry,
    ttlMs: number,
  ): Promise<void> {
    const text = sealEntry(key, entry, this.seal)
    this.note(await this.redis.fill(listValueKeys(key), { token, seq: entry.seq, text, ttlMs }))
  }

  /** Gives leases up without an entry. */
  async release(leases: Leases): Promise<void> {
    for (const [key, token] of leases)
      this.note(await this.redis.release(listValueKeys(key).lease, token))
  }

  /** Deletes keys and what matches patterns; scans run one after the other. */
  async invalidate(
    { names, patterns }: InvalidKeys,
    change: { readonly seq: number; readonly ttlMs: number },
  ): Promise<void> {
    for (const pattern of patterns) this.patterns.add(pattern)
    if (this.patterns.size > MOST_PATTERNS) {
      this.patterns.clear()
      this.patterns.add(ALL_DECISIONS)
    }
    await Promise.all([
      ...names.map(async (name) =>
        this.note(await this.redis.invalidate(listValueKeys(name), change)),
      ),
      this.scan(),
    ])
  }

  /** Ends the scans that wait. */
  close(): void {
    this.closed = true
    this.patterns.clear()
  }

  private async scan(): Promise<void> {
    if (this.scanning) return
    this.scanning = true
    for (const pattern of this.patterns) {
      this.patterns.delete(pattern)
      this.note(await this.redis.scanDelete(pattern))
      if (this.closed) break
    }
    this.scanning = false
  }

  /** Counts a call without a result; a key of another type is a miss, and no outage. */
  private note<T>(outcome: RedisOutcome<T>): T | null {
    if (!outcome.ok) this.counts.errors += 1
    if (outcome.ok || outcome.failure !== 'wrong_type') this.counts.degraded('redis', !outcome.ok)
    return outcome.ok ? outcome.value : null
  }
}
