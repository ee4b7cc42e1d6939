import type { CacheContract } from '../../core/cache/contract.ts'
import type { CacheEntry } from '../../core/cache/entry.ts'
import { ROW_NAMESPACE } from '../../core/cache/keys.ts'
import type { KnownChanges } from '../../core/cache/known-changes.ts'
import {
  getLifetimes,
  isRefreshDue,
  jitterLifetime,
  type Random,
} from '../../core/cache/refresh.ts'
import { formatRowBody, parseRowBody } from '../../core/cache/row-body.ts'
import type { RowsOfFlag } from '../../core/rows/rows.ts'
import type { BulkQuery, RowQuery, SnapshotReader } from '../../ports/store.ts'
import type { CacheCounts } from './counts.ts'
import type { LocalEntries, LocalEntry } from './local-entries.ts'
import { listPlaces, MEMBERS, type RowPlace } from './places.ts'
import { type Leases, NO_LEASES, type SharedEntries } from './shared-entries.ts'

/** Clocks and chance, so that a test can set them. */
export interface CacheTime {
  /** A monotonic clock in milliseconds. */
  readonly now: () => number
  /** Milliseconds since 1970. */
  readonly wallClock: () => number
  readonly random: Random
  readonly sleep: (ms: number) => Promise<void>
}
/** What a loader reads from and writes to; `known` returns the changes known now. */
export interface LoaderParts {
  readonly contract: CacheContract
  readonly local: LocalEntries<LocalEntry['held']>
  readonly shared: SharedEntries
  /** Another object after a new beginning: what was being read before it does not count. */
  readonly known: () => KnownChanges
  readonly counts: CacheCounts
  readonly store: SnapshotReader
  readonly time: CacheTime
}
type Entries = Map<string, LocalEntry>

/**
 * Loads what memory lacks: from Redis, else from the store under a lease, so that one process loads and the others wait
 * for its entry. What it finds goes into memory unless it is from before a known change.
 */
export class RowLoader {
  private readonly parts: LoaderParts

  constructor(parts: LoaderParts) {
    this.parts = parts
  }

  /**
   * The entries of some rows of a query, by Redis key; of others of the query as well, where the store was read.
   *
   * @throws the errors of the store
   */
  async load(query: RowQuery, places: readonly RowPlace[]): Promise<Entries> {
    const { shared, contract, counts } = this.parts
    const found = await this.take(query, places)
    if (found === null) return this.read(query, NO_LEASES)
    const missing = places.filter(({ name }) => !found.has(name))
    if (missing.length === 0) return found
    const names = missing.map(({ name }) => name)
    const leases = await shared.lease(names, contract.lease.ttl_ms)
    if (leases?.size === 0) {
      counts.coalesced += missing.length
      const waited = await this.wait(query, missing)
      if (waited !== null) return new Map([...found, ...waited])
    }
    const stored = await this.retake(query, missing, leases ?? NO_LEASES)
    if (stored.size === missing.length) return new Map([...found, ...stored])
    return new Map([...found, ...(await this.read(query, leases ?? NO_LEASES))])
  }

  /** What another process has stored between the look and the lease; where that is all, the leases are released. */
  private async retake(
    query: RowQuery,
    missing: readonly RowPlace[],
    leases: Leases,
  ): Promise<Entries> {
    if (leases.size < missing.length) return new Map()
    const stored = (await this.take(query, missing)) ?? new Map<string, LocalEntry>()
    if (stored.size === missing.length) void this.parts.shared.release(leases)
    return stored
  }

  /** Reads a query from the store, keeps its rows, and fills Redis where it has the lease. @throws as the store */
  async read(query: RowQuery, leases: Leases): Promise<Entries> {
    const { flag_key, ...ids } = query
    try {
      const { entries } = await this.readMany({ ...ids, flag_keys: [flag_key] }, leases)
      return entries
    } catch (error) {
      void this.parts.shared.release(leases)
      throw error
    }
  }

  /** As `read`, of several flags in one snapshot: also their rows as they were read, and the seq of the snapshot. */
  async readMany(
    query: BulkQuery,
    leases: Leases = NO_LEASES,
  ): Promise<{
    readonly seq: number
    readonly sets: readonly RowsOfFlag[]
    readonly entries: Entries
  }> {
    const { counts, store, time } = this.parts
    const started = time.now()
    const known = this.parts.known()
    counts.loads += 1
    const { seq, sets } = await store.readAt(query)
    const cost_ms = Math.max(1, Math.round(time.now() - started))
    const entries: Entries = new Map()
    for (const [at, flag_key] of query.flag_keys.entries()) {
      const set = sets[at] as RowsOfFlag
      for (const place of listPlaces({ ...query, flag_key })) {
        const entry = { held: set[MEMBERS[place.table]], seq }
        entries.set(place.name, entry)
        this.keep(place, entry, { cost_ms, token: leases.get(place.name), known })
      }
    }
    return { seq, sets, entries }
  }

  /** Takes from Redis what is there; null where it gave no result. An entry that ends soon is loaded behind the answer. */
  private async take(query: RowQuery, places: readonly RowPlace[]): Promise<Entries | null> {
    const { shared, time, counts } = this.parts
    const started = time.now()
    const known = this.parts.known()
    const names = places.map(({ name }) => name)
    const stored = await shared.get(names, (name, { seq }) => known.isCurrent(seq, [name]))
    if (stored === null || known !== this.parts.known()) return null
    const cost_ms = Math.max(1, Math.round(time.now() - started))
    const found: Entries = new Map()
    for (const place of places) {
      const entry = stored.get(place.name)
      const held = entry && parseRowBody(place.table, place.key, entry.body)
      if (entry === undefined) continue
      if (held === undefined) {
        counts.misses.unreadable += 1
        continue
      }
      counts.hits.redis += 1
      found.set(place.name, { held, seq: entry.seq })
      this.keepTaken(place, { held, seq: entry.seq }, { entry, cost_ms })
      if (this.endsSoon(entry)) void this.refresh(query, place)
    }
    return found
  }

  /** A clock that differs by more than a lifetime gives no chance. */
  private endsSoon({ ends_ms, cost_ms }: CacheEntry): boolean {
    const { time, contract } = this.parts
    const remaining_ms = ends_ms - time.wallClock()
    if (remaining_ms <= 0) return false
    return isRefreshDue({ remaining_ms, cost_ms }, contract.early_refresh_beta, time.random)
  }

  /** Loads an entry anew if no other process does; where the store fails, the next caller will be told. */
  private async refresh(query: RowQuery, { name }: RowPlace): Promise<void> {
    const leases = await this.parts.shared.lease([name], this.parts.contract.lease.ttl_ms)
    if (leases !== null && leases.size > 0) await this.read(query, leases).catch(() => undefined)
  }

  /** Waits for the entries of another process; null where they do not all come in time. */
  private async wait(query: RowQuery, places: readonly RowPlace[]): Promise<Entries | null> {
    const { time, contract } = this.parts
    const { wait_ms, poll_ms } = contract.lease
    const until = time.now() + wait_ms
    while (time.now() < until) {
      await time.sleep(poll_ms)
      const found = await this.take(query, places)
      if (found === null) return null
      if (found.size === places.length) return found
    }
    return null
  }

  /** Keeps a row of Redis in memory, at most as long as Redis does. */
  private keepTaken(
    { table, name }: RowPlace,
    entry: LocalEntry,
    from: { readonly entry: CacheEntry; readonly cost_ms: number },
  ): void {
    const { contract, time, local } = this.parts
    const { local_ms } = getLifetimes(contract.entries[ROW_NAMESPACE[table]], entry.held !== null)
    const remaining_ms = from.entry.ends_ms - time.wallClock()
    const ttl_ms = remaining_ms > 0 ? Math.min(local_ms, remaining_ms) : local_ms
    local.set(name, entry, { ttl_ms, cost_ms: from.cost_ms, bytes: from.entry.body.length })
  }

  /** Keeps a row of the store in memory, and in Redis under a lease. */
  private keep(
    { table, name }: RowPlace,
    entry: LocalEntry,
    from: {
      readonly cost_ms: number
      readonly token: string | undefined
      readonly known: KnownChanges
    },
  ): void {
    const { contract, time, local, shared } = this.parts
    const { cost_ms, token, known } = from
    const body = formatRowBody(entry.held)
    const isCurrent = known === this.parts.known() && known.isCurrent(entry.seq, [name])
    if (body === undefined || !isCurrent) {
      if (token !== undefined) void shared.release(new Map([[name, token]]))
      return
    }
    const terms = getLifetimes(contract.entries[ROW_NAMESPACE[table]], entry.held !== null)
    const [ttl_ms, shared_ms] = [terms.local_ms, terms.shared_ms].map((ms) =>
      jitterLifetime(ms, contract.jitter_share, time.random),
    ) as [number, number]
    local.set(name, entry, { ttl_ms, cost_ms, bytes: body.length })
    if (token === undefined) return
    const ends_ms = time.wallClock() + shared_ms
    void shared.fill({ key: name, token }, { seq: entry.seq, cost_ms, ends_ms, body }, shared_ms)
  }
}
