import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import { formatAuditTarget, parseAuditTarget } from '../../core/audit/record.ts'
import type { FeedEntry } from '../../core/feed/types.ts'
import {
  type AnyRow,
  getRowKey,
  type RowKey,
  type RowsOfFlag,
  TABLE_NAMES,
  type TableName,
} from '../../core/rows/rows.ts'
import type { ChangeFeed, RowQuery } from '../../ports/store.ts'
import type { FeedConsumer } from './feed-pump.ts'
import type { GuardedStore } from './guarded-store.ts'
import type { KeptContent } from './snapshot-saver.ts'
import { RowCopy } from './row-copy.ts'

/** Rows in one answer of the store. */
const BATCH = 500
/** Changed rows that are read at once. */
const AT_ONCE = 4
/** Least milliseconds between two reads of all rows, and after a copy that was too large. */
const RELOAD_MS = 10_000
const TOO_LARGE_MS = 600_000

/** Limits of the copy of all rows, in bytes and milliseconds. */
export interface LastKnownLimits {
  /** Memory of the copy; a larger store has none. */
  readonly max_bytes: number
  /** Age after which the copy decides nothing. */
  readonly stale_max_ms: number
}
/** The state of the copy; `age_ms` is null where there is none. */
export interface LastKnownStatus {
  readonly state: 'held' | 'loading' | 'too_large' | 'expired'
  readonly age_ms: number | null
}
/** Rows that another process has kept. */
export interface RestoredRows {
  readonly rows: RowCopy
  /** Since when they may be out of date, in milliseconds of `now`. */
  readonly asOf: number
}
interface Held {
  readonly rows: RowCopy
  /** When the store was asked for what the copy holds. */
  asOf: number
  /** Number of the reset that it follows. */
  readonly resets: number
}

/**
 * A copy of all rows in memory, which follows the feed of the store: it reads the rows that the feed names again. It
 * decides where the store is away. A store larger than `max_bytes` has no copy: half of the rows would decide wrongly.
 */
export class LastKnownGood implements FeedConsumer {
  private readonly store: GuardedStore
  private readonly feed: ChangeFeed
  private readonly limits: LastKnownLimits
  private readonly now: () => number
  private held: Held | null = null
  /** The copy that is being filled. */
  private filling: RowCopy | null = null
  private tooLarge = false
  /** When all rows may be read again. */
  private loadFrom = Number.NEGATIVE_INFINITY
  private served = 0
  /** Counts what may have changed the copy. */
  private version = 0
  /** Number of the last change of this instance by target, until the feed has brought it. */
  private readonly own = new Map<string, number>()
  /** Targets of changes whose rows were not read again yet, each with the version of its last change. */
  private readonly changed = new Map<string, number>()
  /** Whether only reading all rows leads on. */
  private lost = true
  /** How often anything may have changed; the first position of the feed is no change. */
  private resets = -1

  /**
   * @param options.now a monotonic clock in milliseconds
   * @param options.restored rows of an earlier process, which decide until the store answers; default none
   */
  constructor(
    store: GuardedStore,
    feed: ChangeFeed,
    {
      now = performance.now.bind(performance),
      restored = null,
      ...limits
    }: LastKnownLimits & { readonly now?: () => number; readonly restored?: RestoredRows | null },
  ) {
    this.store = store
    this.feed = feed
    this.limits = limits
    this.now = now
    if (restored !== null) this.held = { ...restored, resets: 0 }
  }

  /** Notes a change, whose row `settle` reads. */
  apply({ seq, kind, target }: FeedEntry): void {
    if (kind === 'global') return this.reset()
    if (kind === 'approval' || kind === 'jwks') return
    const own = this.own.get(target) ?? 0
    if (own <= seq) this.own.delete(target)
    // The copy holds this row, or a later one.
    if (own >= seq) return
    this.version += 1
    this.changed.set(target, this.version)
    this.markUnread()
  }

  /** Has `settle` read all rows. */
  reset(): void {
    this.own.clear()
    this.lost = true
    this.resets += 1
  }

  /** Puts a change of this instance, with the number of its audit record, into the copy. */
  put(table: TableName, row: AnyRow, seq: number): void {
    this.version += 1
    this.own.set(formatAuditTarget(table, getRowKey(row)), seq)
    for (const rows of [this.held?.rows, this.filling]) rows?.put(table, getRowKey(row), { row })
  }

  /** The copy and its age in milliseconds; null where there is none, or it is older than `stale_max_ms`. */
  find(): KnownRows | null {
    const { state, age_ms } = this.status()
    if (this.held === null || age_ms === null || state !== 'held') return null
    return new KnownRows(this.held.rows, { age_ms, outdated: this.isOutdated(this.held) }, () => {
      this.served += 1
    })
  }

  /** The copy to keep on disk; null where there is none, and while a row of it is known to be out of date. */
  keep(): KeptContent | null {
    if (this.held === null || this.held.rows.unread.size > 0 || this.isOutdated(this.held))
      return null
    const { rows, asOf } = this.held
    return { rows: rows.list(), age_ms: this.now() - asOf, version: this.version }
  }

  status(): LastKnownStatus {
    if (this.held === null) return { state: this.tooLarge ? 'too_large' : 'loading', age_ms: null }
    const age_ms = Math.round(this.now() - this.held.asOf)
    return { state: age_ms >= this.limits.stale_max_ms ? 'expired' : 'held', age_ms }
  }

  /** Flags that were decided by the copy. */
  get decisions(): number {
    return this.served
  }

  /**
   * Brings the copy to where the feed was read to: reads the changed rows, or all rows where there is no copy or the feed
   * does not say what has changed.
   *
   * @throws FfError as the store; the copy stays as old as it is
   */
  async settle(since: number): Promise<void> {
    const { held } = this
    if (this.lost || held === null || !(await this.reread(held.rows))) await this.load()
    else held.asOf = since
    if (this.held !== null && this.held.rows.bytes > this.limits.max_bytes) this.giveUp()
  }

  /** Whether anything may have changed since the rows were read, as after an import. */
  private isOutdated(held: Held): boolean {
    return held.resets < this.resets
  }

  private async load(): Promise<void> {
    const since = this.now()
    const resets = Math.max(this.resets, 0)
    this.lost = true
    if (since < this.loadFrom) return
    const earlier = new Map(this.changed)
    const rows = new RowCopy()
    this.filling = rows
    try {
      for (const table of TABLE_NAMES) if (!(await this.fill(rows, table))) return this.giveUp()
      // A change after `since` may be in some of the rows; its row is read again.
      this.held = { rows, asOf: since, resets }
      this.version += 1
      // A reset meanwhile, as of an import, may be in some of the rows only.
      this.lost = this.isOutdated(this.held)
      this.tooLarge = false
      this.loadFrom = this.now() + RELOAD_MS
      this.noteRead(earlier)
    } finally {
      this.filling = null
    }
  }

  /** @returns false where the copy has become too large */
  private async fill(rows: RowCopy, table: TableName): Promise<boolean> {
    let after: RowKey | null = null
    do {
      const query: Parameters<ChangeFeed['rows']>[0] = { table, after, limit: BATCH }
      const page = await this.store.ask(() => this.feed.rows(query))
      for (const { key, held } of page) rows.put(table, key, held)
      after = page.length < BATCH ? null : (page.at(-1)?.key ?? null)
    } while (after !== null && rows.bytes <= this.limits.max_bytes)
    return rows.bytes <= this.limits.max_bytes
  }

  private giveUp(): void {
    this.held = null
    this.changed.clear()
    this.tooLarge = true
    this.loadFrom = this.now() + TOO_LARGE_MS
  }

  /** Reads the changed rows again. @returns false where a target names no row, or one that is not there */
  private async reread(rows: RowCopy): Promise<boolean> {
    const targets = new Map(this.changed)
    const changed = [...targets.keys()].flatMap((target) => parseAuditTarget(target) ?? [])
    const found = await mapConcurrently(changed, AT_ONCE, async ({ table, key }) => {
      const set = await this.store.read(toQuery(table, key))
      const held = {
        flag_registry: set.flag,
        tenant_override: set.tenant,
        user_override: set.user,
      }[table]
      if (held !== null) rows.put(table, key, held)
      return held !== null
    })
    if (changed.length < targets.size || found.includes(false)) return false
    this.noteRead(targets)
    return true
  }

  /** Takes note that the rows of these changes were read. One that has changed again meanwhile is still to be read. */
  private noteRead(targets: ReadonlyMap<string, number>): void {
    for (const [target, version] of targets)
      if (this.changed.get(target) === version) this.changed.delete(target)
    this.markUnread()
  }

  /** Marks the flags of which a row has changed and was not read again yet. */
  private markUnread(): void {
    const unread = this.held?.rows.unread
    unread?.clear()
    for (const target of this.changed.keys()) {
      const key = parseAuditTarget(target)?.key
      if (key !== undefined) unread?.add(key.flag_key)
    }
  }
}

const toQuery = (table: TableName, { flag_key, scope_id }: RowKey): RowQuery => ({
  flag_key,
  tenant_id: table === 'tenant_override' ? scope_id : null,
  user_id: table === 'user_override' ? scope_id : null,
})

/** The last known rows, for one request. */
export class KnownRows {
  private readonly rows: RowCopy
  private readonly state: { readonly age_ms: number; readonly outdated: boolean }
  private readonly count: () => void

  constructor(
    rows: RowCopy,
    state: { readonly age_ms: number; readonly outdated: boolean },
    count: () => void,
  ) {
    this.rows = rows
    this.state = state
    this.count = count
  }

  /** The rows of one evaluation, marked as stale; counts them as a decision. */
  read(query: RowQuery): RowsOfFlag {
    this.count()
    const { age_ms, outdated } = this.state
    const unread = outdated || this.rows.unread.has(query.flag_key)
    return { ...this.rows.read(query), stale: { age_ms, unread } }
  }

  page: RowCopy['page'] = (query) => this.rows.page(query)
}
