import type { CacheContract } from '../../core/cache/contract.ts'
import {
  findDecisionEnd,
  formatDecisionBody,
  parseDecisionBody,
} from '../../core/cache/decision-body.ts'
import type { CacheEntry } from '../../core/cache/entry.ts'
import { formatDecisionKey } from '../../core/cache/keys.ts'
import type { KnownChanges } from '../../core/cache/known-changes.ts'
import { getLifetimes, jitterLifetime } from '../../core/cache/refresh.ts'
import type { Decision, EvaluationInput } from '../../core/evaluate/types.ts'
import { instantToMs } from '../../core/rows/instant.ts'
import type { RowsOfFlag } from '../../core/rows/rows.ts'
import type { DecisionCache } from '../../ports/cache.ts'
import type { RowQuery } from '../../ports/store.ts'
import type { CacheCounts } from './counts.ts'
import { LocalEntries } from './local-entries.ts'
import { listPlaces } from './places.ts'
import type { CacheTime } from './row-loader.ts'
import type { SharedEntries } from './shared-entries.ts'

/** What the decisions share with the rows of a cache. */
export interface DecisionParts {
  readonly contract: CacheContract
  readonly shared: SharedEntries
  readonly known: () => KnownChanges
  readonly counts: CacheCounts
  readonly time: CacheTime
  readonly isTrusted: () => boolean
  /** Whether all of these rows, by Redis key, are in memory. */
  readonly holds: (names: readonly string[]) => boolean
}
type Facts = Omit<EvaluationInput, 'rows'>
interface Reading {
  readonly seq: number
  readonly known: KnownChanges
}

const toQuery = ({ request, principal }: Facts): RowQuery => ({
  flag_key: request.flag_key,
  tenant_id: principal.tenant_id,
  user_id: principal.user_id,
})

/** Decisions of verified callers in Redis, and those that Redis gave in memory, until the rows are there. */
export class DecisionEntries implements DecisionCache {
  private readonly parts: DecisionParts
  /** The seq of rows that were read from Redis or the store, and what was known then. */
  private readonly readings = new WeakMap<RowsOfFlag, Reading>()

  private readonly local: LocalEntries<string>

  constructor(parts: DecisionParts) {
    this.parts = parts
    this.local = new LocalEntries(parts.contract.local_bytes / 2, parts.time.now)
  }

  get size(): number {
    return this.local.size
  }

  /** Forgets all decisions in memory. */
  clear(): void {
    this.local.clear()
  }

  /** Notes that rows come from Redis or the store, as of a seq, so that their decision is worth keeping. */
  noteRows(rows: RowsOfFlag, seq: number): void {
    this.readings.set(rows, { seq, known: this.parts.known() })
  }

  async find(facts: Facts): Promise<Decision | null> {
    const { known, counts, isTrusted, holds } = this.parts
    const query = toQuery(facts)
    const names = listPlaces(query).map(({ name }) => name)
    if (facts.principal.mode !== 'verified' || names.length === 0) return null
    if (!isTrusted() || holds(names)) return null
    const key = formatDecisionKey(query)
    const local = this.local.get(key)
    const held = local ?? (await this.fetch(key, names))
    // The second check is for a change, or a loss of the feed, while Redis was asked.
    if (held === null || !isTrusted() || !known().isCurrent(held.seq, names)) return null
    const decision = parseDecisionBody(held.held, facts)
    if (decision !== null) counts.hits[local === undefined ? 'redis' : 'local'] += 1
    return decision
  }

  /** The body of Redis, which memory then keeps. */
  private async fetch(key: string, names: readonly string[]) {
    const { shared, contract, time } = this.parts
    const known = this.parts.known()
    const found = await shared.get([key], (_, { seq }) => known.isCurrent(seq, names))
    const entry = found?.get(key)
    if (entry === undefined || known !== this.parts.known()) return null
    const held = { held: entry.body, seq: entry.seq }
    const remaining_ms = entry.ends_ms - time.wallClock()
    const local_ms = contract.entries.eval.local_ttl_s * 1000
    const ttl_ms = remaining_ms > 0 ? Math.min(local_ms, remaining_ms) : local_ms
    this.local.set(key, held, { ttl_ms, cost_ms: 1, bytes: entry.body.length })
    return held
  }

  offer(facts: EvaluationInput, decision: Decision): void {
    const reading = this.readings.get(facts.rows)
    const body = reading === undefined ? null : formatDecisionBody(facts, decision)
    const query = toQuery(facts)
    if (reading === undefined || body === null || listPlaces(query).length === 0) return
    const { contract, time } = this.parts
    const { shared_ms } = getLifetimes(contract.entries.eval, facts.rows.flag !== null)
    const end = findDecisionEnd(facts)
    const left_ms = end === null ? shared_ms : instantToMs(end) - instantToMs(facts.now)
    const ttl_ms = Math.min(jitterLifetime(shared_ms, contract.jitter_share, time.random), left_ms)
    const ends_ms = time.wallClock() + ttl_ms
    const entry = { seq: reading.seq, cost_ms: 1, ends_ms, body }
    void this.store(formatDecisionKey(query), entry, { ttl_ms, known: reading.known })
  }

  private async store(
    key: string,
    entry: CacheEntry,
    { ttl_ms, known }: { readonly ttl_ms: number; readonly known: KnownChanges },
  ): Promise<void> {
    const { shared, contract } = this.parts
    const token = (await shared.lease([key], contract.lease.ttl_ms))?.get(key)
    // After a new beginning it would be sealed as one of now.
    if (token !== undefined && known === this.parts.known())
      await shared.fill({ key, token }, entry, ttl_ms)
  }
}
