import type { IncomingHttpHeaders } from 'node:http'
import type { AuthenticatorMetrics } from '../../ports/auth.ts'
import type { Clock } from './clock.ts'
import type { FetchedKeySet } from './jwks-fetch.ts'
import type { KeyLimits } from './key-filter.ts'
import { KeySet } from './key-set.ts'
import type { HeldKeySet, KeyAnswer, KeySource, RefreshOutcome } from './key-source.ts'

/** Times of the JWKS client in seconds, from `contracts/jwks_integration_notes.json`. */
export interface CacheTimes {
  /** Least time between the starts of two fetches, successful or not. */
  readonly cooldown_s: number
  readonly cache_min_s: number
  readonly cache_max_s: number
  /** For a response without a cache lifetime. */
  readonly cache_default_s: number
  /** Longest use of a set after its fetch, while newer fetches fail. */
  readonly last_known_good_s: number
}
/** The fetch, the times, the limits on keys and the clock of a JWKS client. */
export interface JwksClientOptions {
  readonly fetch: () => Promise<FetchedKeySet>
  readonly times: CacheTimes
  readonly keys: KeyLimits
  readonly clock: Clock
}

interface LoadedKeySet {
  readonly set: KeySet
  readonly body: Buffer
  readonly generation: number
  readonly at: number
  readonly refreshAt: number
  readonly expiresAt: number
}

/** Share of the cache time after which the background refresh begins. */
const REFRESH_AT = 0.8

/**
 * Keeps one key set up to date (docs/reference/auth.md): at most one fetch in flight and one per cooldown, in the
 * background before the set expires. While fetches fail it serves the last good set, up to `last_known_good_s`. A token
 * with a known `kid` never waits for a fetch.
 */
export class JwksClient implements KeySource {
  private readonly options: JwksClientOptions
  private loaded: LoadedKeySet | null = null
  private outcome: RefreshOutcome = 'unreachable'
  private startedAt = Number.NEGATIVE_INFINITY
  private running: Promise<void> | null = null
  private cancel: () => void = () => undefined
  private closed = false
  /** Whether a set is fetched again at the end of the cooldown, however fresh it is. */
  private renewing = false
  private fetches = 0
  private failures = 0
  /** Only grows; an expired set does not reset it. */
  private generation = 0

  constructor(options: JwksClientOptions) {
    this.options = options
  }

  current(): HeldKeySet | null {
    const now = this.options.clock.now()
    const loaded = this.getUsableSet(now)
    return loaded === null || this.isOverdue(loaded, now) ? null : toHeldKeySet(loaded, now)
  }

  async forKid(kid: string | null): Promise<KeyAnswer> {
    const now = this.options.clock.now()
    const loaded = this.getUsableSet(now)
    const lacks = loaded === null || (kid !== null && !loaded.set.has(kid))
    if (lacks || this.isOverdue(loaded, now)) await this.refresh()
    const then = this.options.clock.now()
    const held = this.getUsableSet(then)
    if (held !== null)
      return { status: 'held', held: toHeldKeySet(held, then), refreshed: this.outcome }
    // The key set expired while this request waited for the refresh; report it as an unreachable endpoint.
    return { status: this.outcome === 'ok' ? 'unreachable' : this.outcome }
  }

  /** Counts of fetches and failed fetches since the start, and age in ms and sound keys of the set, null without one. */
  metrics(): NonNullable<AuthenticatorMetrics['keys']> {
    const { fetches, failures } = this
    const loaded = this.getUsableSet(this.options.clock.now())
    return {
      fetches,
      failures,
      age_ms: loaded === null ? null : this.options.clock.now() - loaded.at,
      usable: loaded?.set.usable ?? null,
    }
  }

  /** One fetch for any number of calls within a cooldown. A fetch in flight may have begun before the change. */
  renew(): void {
    this.renewing = true
    if (this.running !== null) return
    this.cancel()
    this.scheduleRefresh()
  }

  /** Waits for the fetch that is in flight now, if there is one. */
  async idle(): Promise<void> {
    await this.running
  }

  /** Cancels the background refresh; a fetch in flight goes on, and a request for a missing key can still fetch. */
  close(): void {
    this.closed = true
    this.cancel()
  }

  private getUsableSet(now: number): LoadedKeySet | null {
    if (this.loaded !== null && now - this.loaded.at > this.options.times.last_known_good_s * 1000)
      this.loaded = null
    return this.loaded
  }

  /** Whether the set expired without a fetch since its refresh was due, as after a suspension of the machine. */
  private isOverdue(loaded: LoadedKeySet, now: number): boolean {
    return now >= loaded.expiresAt && this.startedAt < loaded.refreshAt
  }

  private refresh(): Promise<void> {
    const { clock, times } = this.options
    if (this.running === null && clock.now() - this.startedAt >= times.cooldown_s * 1000) {
      this.startedAt = clock.now()
      this.running = this.attempt().finally(() => {
        this.running = null
      })
    }
    return this.running ?? Promise.resolve()
  }

  private async attempt(): Promise<void> {
    this.cancel()
    this.renewing = false
    this.fetches += 1
    const fetched = await this.options.fetch()
    if (fetched.ok) this.keep(fetched)
    else this.failures += 1
    this.outcome = fetched.ok ? 'ok' : fetched.kind
    this.scheduleRefresh()
  }

  private keep({ body, keys, headers }: Extract<FetchedKeySet, { ok: true }>): void {
    const at = this.options.clock.now()
    const ms = computeCacheSeconds(headers, this.options.times) * 1000
    const before = this.loaded
    const same = before !== null && before.body.equals(body)
    if (!same) this.generation += 1
    this.loaded = {
      set: same ? before.set : new KeySet(keys, this.options.keys),
      generation: this.generation,
      body,
      at,
      refreshAt: at + ms * REFRESH_AT,
      expiresAt: at + ms,
    }
  }

  /** Schedules the next background fetch: before the set expires, or at the end of the cooldown after a failure. */
  private scheduleRefresh(): void {
    if (this.closed) return
    const { clock, times } = this.options
    const now = clock.now()
    const retry = this.startedAt + times.cooldown_s * 1000
    const isFresh = this.outcome === 'ok' && this.loaded !== null && !this.renewing
    const due = isFresh ? (this.loaded?.refreshAt ?? retry) : retry
    this.cancel = clock.later(Math.max(Math.max(due, retry) - now, 1), () => {
      void this.refresh()
      // A timer may fire slightly early, while the cooldown still runs; schedule it again.
      if (this.running === null) this.scheduleRefresh()
    })
  }
}

const toHeldKeySet = (
  { set, generation, at, expiresAt }: LoadedKeySet,
  now: number,
): HeldKeySet => ({
  set,
  generation,
  stale: now >= expiresAt,
  age_ms: now - at,
})

/**
 * Seconds that a key set may be cached, always within `cache_min_s` and `cache_max_s`: `max-age` less `Age` (RFC 9111,
 * 4.2). `cache_min_s` for `no-store`, `no-cache` and an unreadable `max-age`; `cache_default_s` without a `max-age`,
 * ignoring `Expires`.
 */
export function computeCacheSeconds(headers: IncomingHttpHeaders, times: CacheTimes): number {
  const { 'cache-control': control = '', age = '0' } = headers
  const { cache_min_s, cache_max_s, cache_default_s } = times
  if (/\bno-(store|cache)\b/i.test(control)) return cache_min_s
  const maxAge = /(?:^|[\s,])max-age="?(\d+)\b/i.exec(control)?.[1]
  // A max-age that cannot be parsed counts as stale (RFC 9111, 4.2.1), so take the least lifetime.
  const fallback = /(?:^|[\s,])max-age/i.test(control) ? cache_min_s : cache_default_s
  const seconds = maxAge === undefined ? fallback : Number(maxAge) - Math.max(Number(age) || 0, 0)
  return Math.min(Math.max(seconds, cache_min_s), cache_max_s)
}
