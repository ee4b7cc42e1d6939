import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import { EMPTY_HEAD, parseAuditTarget, type AuditChainHead } from '../../core/audit/record.ts'
import {
  type AnyRow,
  getRowKey,
  type RowKey,
  type RowsOfFlag,
  TABLE_NAMES,
  type TableName,
} from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { ChainLink, ChangeFeed, RowQuery } from '../../ports/store.ts'
import type { GuardedStore } from './guarded-store.ts'
import { RowCopy } from './row-copy.ts'

/** Milliseconds between two looks at the audit chain. */
const POLL_MS = 1_000
/** Rows or records in one answer of the store. */
const BATCH = 500
/** Changed rows that are read at once. */
const AT_ONCE = 4
/** Least milliseconds between two reads of all rows, and after a copy that was too large. */
const RELOAD_MS = 10_000
const TOO_LARGE_MS = 600_000

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
interface Held {
  readonly rows: RowCopy
  /** The last record whose change is in the rows. */
  head: AuditChainHead
  /** When the store was asked for what the copy holds. */
  asOf: number
}

/**
 * A copy of all rows in memory, which follows the audit chain of the store by asking for its newest records each second.
 * It decides where the store is away. A store larger than `max_bytes` has no copy: half of the rows would decide wrongly.
 */
export class LastKnownGood {
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
  private timer: NodeJS.Timeout | null = null
  private closed = false

  /** @param options.now a monotonic clock in milliseconds */
  constructor(
    store: GuardedStore,
    feed: ChangeFeed,
    {
      now = performance.now.bind(performance),
      ...limits
    }: LastKnownLimits & { readonly now?: () => number },
  ) {
    this.store = store
    this.feed = feed
    this.limits = limits
    this.now = now
  }

  /** Starts to follow the store; `failed` gets an error that is no FfError, which is a bug. */
  follow(failed: (error: unknown) => void): void {
    void this.poll()
      .catch((error: unknown) => {
        // A store that is away is what the copy is for.
        if (!(error instanceof FfError)) failed(error)
      })
      .finally(() => {
        if (!this.closed) this.timer = setTimeout(() => this.follow(failed), POLL_MS).unref()
      })
  }

  close(): void {
    this.closed = true
    if (this.timer !== null) clearTimeout(this.timer)
  }

  /** Puts a change of this instance into the copy. */
  put(table: TableName, row: AnyRow): void {
    for (const rows of [this.held?.rows, this.filling]) rows?.put(table, getRowKey(row), { row })
  }

  /** The copy and its age in milliseconds; null where there is none, or it is older than `stale_max_ms`. */
  find(): KnownRows | null {
    const { state, age_ms } = this.status()
    if (this.held === null || age_ms === null || state !== 'held') return null
    return new KnownRows(this.held.rows, age_ms, () => (this.served += 1))
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
   * Brings the copy to the end of the audit chain; reads all rows where there is no copy, or the chain does not go on
   * from it.
   *
   * @throws FfError as the store; the copy stays as old as it is
   */
  async poll(): Promise<void> {
    if (this.held === null || !(await this.catchUp(this.held))) await this.load()
    if (this.held !== null && this.held.rows.bytes > this.limits.max_bytes) this.giveUp()
  }

  private async load(): Promise<void> {
    const since = this.now()
    if (since < this.loadFrom) return
    const rows = new RowCopy()
    this.filling = rows
    try {
      const head = await this.store.auditHead()
      for (const table of TABLE_NAMES) if (!(await this.fill(rows, table))) return this.giveUp()
      // A change after `since` may be in some of the rows; the next poll reads its row again.
      this.held = { rows, head, asOf: since }
      this.tooLarge = false
      this.loadFrom = this.now() + RELOAD_MS
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
    this.tooLarge = true
    this.loadFrom = this.now() + TOO_LARGE_MS
  }

  /** @returns false where only reading all rows leads on */
  private async catchUp(held: Held): Promise<boolean> {
    for (;;) {
      const since = this.now()
      const query = { from: held.head.seq, limit: BATCH }
      const links = await this.store.ask(() => this.feed.links(query))
      const news = takeNews(held.head, links)
      if (news === null || !(await this.reread(held.rows, news))) return false
      held.head = news.at(-1) ?? held.head
      if (links.length < BATCH) {
        held.asOf = since
        return true
      }
    }
  }

  /** Reads the changed rows again. @returns false where a record names no row, or one that is not there */
  private async reread(rows: RowCopy, news: readonly ChainLink[]): Promise<boolean> {
    const applied = news.filter(({ outcome }) => outcome === 'applied')
    const targets = new Map(applied.map(({ target }) => [target, parseAuditTarget(target)]))
    const changed = [...targets.values()].flatMap((one) => one ?? [])
    for (const { key } of changed) rows.unread.add(key.flag_key)
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
    for (const { key } of changed) rows.unread.delete(key.flag_key)
    return true
  }
}

const toQuery = (table: TableName, { flag_key, scope_id }: RowKey): RowQuery => ({
  flag_key,
  tenant_id: table === 'tenant_override' ? scope_id : null,
  user_id: table === 'user_override' ? scope_id : null,
})

/** The records after the head; null where the chain is another one, as after a restored backup. */
function takeNews(head: AuditChainHead, links: readonly ChainLink[]): readonly ChainLink[] | null {
  const begun = head.seq === EMPTY_HEAD.seq
  if (!begun && links[0]?.hash !== head.hash) return null
  const news = begun ? links : links.slice(1)
  const follows = news.every(
    ({ prev_hash }, at) => prev_hash === (at === 0 ? head.hash : news[at - 1]?.hash),
  )
  return follows ? news : null
}

/** The last known rows, for one request. */
export class KnownRows {
  private readonly rows: RowCopy
  private readonly ageMs: number
  private readonly count: () => void

  constructor(rows: RowCopy, ageMs: number, count: () => void) {
    this.rows = rows
    this.ageMs = ageMs
    this.count = count
  }

  /** The rows of one evaluation, marked as stale; counts them as a decision. */
  read(query: RowQuery): RowsOfFlag {
    this.count()
    const unread = this.rows.unread.has(query.flag_key)
    return { ...this.rows.read(query), stale: { age_ms: this.ageMs, unread } }
  }

  page: RowCopy['page'] = (query) => this.rows.page(query)
}
