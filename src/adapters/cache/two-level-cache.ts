import { type EntryChecks, ENTRY_CHECKS } from '../../core/cache/entry-checks.ts'
import { formatEpoch } from '../../core/cache/entry.ts'
import { listInvalidKeys, readChangeScope } from '../../core/cache/keys.ts'
import { areOneSnapshot, type KnownChanges } from '../../core/cache/known-changes.ts'
import { isRefreshDue } from '../../core/cache/refresh.ts'
import type { FeedPosition } from '../../core/feed/subscriber.ts'
import type { RowsOfFlag } from '../../core/rows/rows.ts'
import type { CacheChange, CacheMetrics, CacheOptions, RowCache } from '../../ports/cache.ts'
import type { BulkQuery, RowQuery } from '../../ports/store.ts'
import { CacheCounts } from './counts.ts'
import { DecisionEntries } from './decision-entries.ts'
import { LocalEntries, type LocalEntry } from './local-entries.ts'
import { createCacheMac } from './mac.ts'
import { assembleRows, listPlaces, type RowPlace } from './places.ts'
import { type CacheTime, RowLoader } from './row-loader.ts'
import { SharedEntries } from './shared-entries.ts'

/** Until the feed names one, nothing is cached. */
const NO_EPOCH = { cutover: 0, operator: 0 }

/**
 * Rows of a database through two levels: the memory of this process, then Redis. A row counts only if it was read after
 * the last change of it that the feed has named, and the rows of one decision only if they are one state of the store;
 * else the store is read. While the feed may have missed changes, every read goes to the store.
 */
export class TwoLevelCache implements RowCache {
  readonly kind = 'db'
  readonly decisions: DecisionEntries
  private readonly options: CacheOptions
  private readonly checks: EntryChecks
  private readonly time: CacheTime
  private readonly local: LocalEntries<LocalEntry['held']>
  private readonly shared: SharedEntries
  private readonly counts: CacheCounts
  private readonly loader: RowLoader
  /** Loads in flight, by Redis key. */
  private readonly flights = new Map<string, Promise<LocalEntry | undefined>>()
  private known: KnownChanges
  private position: FeedPosition | null = null
  private trustedUntil = Number.NEGATIVE_INFINITY

  constructor(options: CacheOptions, time: CacheTime & { readonly newToken: () => string }) {
    const { contract, redis, store, key, checks = ENTRY_CHECKS } = options
    this.options = options
    this.checks = checks
    this.time = time
    this.counts = new CacheCounts(time.now)
    this.counts.degraded('distrust', true)
    this.known = this.forget()
    this.local = new LocalEntries(contract.local_bytes / 2, time.now)
    const { counts, local } = this
    const seal = { epoch: NO_EPOCH, mac: createCacheMac(key) }
    const { open } = checks
    const shared = new SharedEntries(redis, { seal, counts, newToken: time.newToken, open })
    this.shared = shared
    const parts = { contract, local, shared, known: () => this.known, counts, store, time }
    this.loader = new RowLoader(parts)
    this.decisions = new DecisionEntries({
      ...parts,
      isTrusted: () => this.trusted,
      holds: (names) => names.every((name) => local.has(name)),
    })
  }

  private get trusted(): boolean {
    return this.time.now() < this.trustedUntil
  }

  /** @throws the errors of the store */
  async read(query: RowQuery): Promise<RowsOfFlag> {
    const places = listPlaces(query)
    if (!this.trusted || places.length === 0) return this.readStore(query)
    const missed = !places.every(({ name }) => this.local.has(name))
    const { known } = this
    const entries = await this.collect(query, places)
    if (known !== this.known || !this.fit(places, entries)) return this.readStore(query)
    const rows = assembleRows(places, entries)
    if (missed) this.decisions.noteRows(rows, Math.max(...entries.map(({ seq }) => seq)))
    return rows
  }

  /** From memory where it holds every row of a flag; the other flags in one read of the store. @throws as the store */
  async readMany(query: BulkQuery): Promise<readonly RowsOfFlag[]> {
    if (!this.trusted) return (await this.loader.readMany(query)).sets
    const held = query.flag_keys.map((flag_key) => this.recall({ ...query, flag_key }))
    const missing = query.flag_keys.filter((_, at) => held[at] === null)
    if (missing.length === query.flag_keys.length) return (await this.loader.readMany(query)).sets
    const places = held.flatMap((one) => one?.places ?? [])
    const entries = held.flatMap((one) => one?.entries ?? [])
    const loaded =
      missing.length === 0 ? null : await this.loader.readMany({ ...query, flag_keys: missing })
    if (!this.fit(places, entries, loaded?.seq)) return (await this.loader.readMany(query)).sets
    const rest = [...(loaded?.sets ?? [])]
    return held.map((one) =>
      one === null ? (rest.shift() as RowsOfFlag) : assembleRows(one.places, one.entries),
    )
  }

  apply({ seq, kind, target }: CacheChange): void {
    const scope = readChangeScope({ kind, target })
    const { names, patterns } = listInvalidKeys(scope)
    const { contract } = this.options
    // A change of this process comes again by the feed.
    if (!this.known.note(scope, seq, this.time.now())) return
    this.counts.invalidations[kind] += 1
    if (scope.kind === 'everything') {
      this.local.clear()
      this.flights.clear()
    }
    for (const name of names) {
      this.local.delete(name)
      // A caller from now on must not wait for a reading of before the change.
      this.flights.delete(name)
    }
    void this.shared.invalidate({ names, patterns }, { seq, ttlMs: contract.tombstone_s * 1000 })
  }

  distrust(): void {
    this.trustedUntil = Number.NEGATIVE_INFINITY
    this.counts.degraded('distrust', true)
  }

  reset(): void {
    this.distrust()
    this.position = null
    const { names, patterns } = listInvalidKeys({ kind: 'everything' })
    void this.shared.invalidate({ names, patterns }, { seq: 0, ttlMs: 1 })
  }

  trust(position: FeedPosition, until = Number.POSITIVE_INFINITY): void {
    const before = this.position
    const isSame =
      before !== null &&
      formatEpoch(before.epoch) === formatEpoch(position.epoch) &&
      before.database === position.database
    if (isSame) this.position = { ...position, seq: Math.max(position.seq, before.seq) }
    else this.begin(position)
    this.trustedUntil = until
    this.counts.degraded('distrust', false)
  }

  metrics(): CacheMetrics {
    return this.counts.read(this.local.size + this.decisions.size)
  }

  async close(): Promise<void> {
    this.distrust()
    this.shared.close()
    this.flights.clear()
    await Promise.resolve()
  }

  /** In a new epoch, and of another database, no entry and no seq of an earlier one counts, nor what is being read. */
  private begin(position: FeedPosition): void {
    this.position = position
    this.known = this.forget()
    this.known.raiseFloor(position.seq)
    this.local.clear()
    this.decisions.clear()
    this.flights.clear()
    const { epoch, database } = position
    this.shared.seal = { ...this.shared.seal, epoch, database }
  }

  private forget(): KnownChanges {
    const { entries, jitter_share, tombstone_s, known_changes } = this.options.contract
    const longest_s = Math.max(...Object.values(entries).map(({ ttl_s }) => ttl_s))
    // An entry that was read before a change can be stored until the longest load ends.
    const keep_ms = (longest_s * (1 + jitter_share) + tombstone_s) * 1000
    return this.checks.createKnown({ keep_ms, most: known_changes })
  }

  private async readStore({ flag_key, ...ids }: RowQuery): Promise<RowsOfFlag> {
    const { known } = this
    const { seq, sets } = await this.loader.readMany({ ...ids, flag_keys: [flag_key] })
    const rows = sets[0] as RowsOfFlag
    if (this.trusted && known === this.known) this.decisions.noteRows(rows, seq)
    return rows
  }

  /** The entries of a query from memory, from loads in flight, and from one load of the others. */
  private async collect(
    query: RowQuery,
    places: readonly RowPlace[],
  ): Promise<readonly (LocalEntry | undefined)[]> {
    const held = places.map((place) => this.findLocal(query, place))
    if (!held.includes(undefined)) return held
    const missing = places.filter(
      ({ name }, at) => held[at] === undefined && !this.flights.has(name),
    )
    this.counts.coalesced += held.filter((one) => one === undefined).length - missing.length
    if (missing.length > 0) this.start(query, missing)
    return Promise.all(places.map(async ({ name }, at) => held[at] ?? this.flights.get(name)))
  }

  private findLocal(query: RowQuery, place: RowPlace): LocalEntry | undefined {
    const found = this.local.get(place.name)
    if (found === undefined) return undefined
    this.counts.hits.local += 1
    const due = isRefreshDue(found, this.options.contract.early_refresh_beta, this.time.random)
    if (due && !this.flights.has(place.name)) this.start(query, [place])
    return found
  }

  /** Begins one load, for all that ask for these rows until it ends. */
  private start(query: RowQuery, places: readonly RowPlace[]): void {
    const load = this.loader.load(query, places)
    for (const { name } of places) {
      const flight = load.then((entries) => entries.get(name))
      const end = (): void => {
        if (this.flights.get(name) === flight) this.flights.delete(name)
      }
      this.flights.set(name, flight)
      // Each caller that waits for it gets its error.
      flight.then(end, end)
    }
  }

  /** The entries of a query in memory; null where one is missing. */
  private recall(
    query: RowQuery,
  ): { readonly places: readonly RowPlace[]; readonly entries: readonly LocalEntry[] } | null {
    const places = listPlaces(query)
    const entries = places.flatMap((place) => this.findLocal(query, place) ?? [])
    return places.length > 0 && entries.length === places.length ? { places, entries } : null
  }

  /** Whether entries are one state of the store, that of the newest of them or later. */
  private fit(
    places: readonly RowPlace[],
    entries: readonly (LocalEntry | undefined)[],
    ...seqs: readonly (number | undefined)[]
  ): entries is readonly LocalEntry[] {
    const position = this.position?.seq ?? 0
    const all = [...entries.map((one) => one?.seq), ...seqs].filter((one) => one !== undefined)
    return (
      this.trusted &&
      places.every(({ name }, at) => this.known.isCurrent(entries[at]?.seq ?? -1, [name])) &&
      areOneSnapshot(all, position)
    )
  }
}
