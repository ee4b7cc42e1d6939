import { hash } from 'node:crypto'
import type { Claims } from '../../core/auth/claims.ts'
import type { Clock } from './clock.ts'

/** Limits of the token cache; `max_age_s` counts from the verification. */
export interface TokenCacheLimits {
  readonly max_entries: number
  readonly max_age_s: number
}
/** The claims of a token whose signature was verified. */
export interface VerifiedToken {
  readonly claims: Claims
  /** Whether its header has a `kid`. */
  readonly kid: boolean
}

/**
 * Caches verified tokens by their SHA-256, for one generation of keys. The claims are checked again at each use, so an
 * entry never outlives `exp`; it expires after `max_age_s` at the latest.
 */
export class TokenCache {
  private readonly limits: TokenCacheLimits
  private readonly clock: Clock
  private readonly entries = new Map<string, VerifiedToken & { readonly until: number }>()
  private generation = 0
  private hits = 0
  private misses = 0

  constructor(limits: TokenCacheLimits, clock: Clock) {
    this.limits = limits
    this.clock = clock
  }

  /** The cached token; null where it is absent or older than `max_age_s`. Another generation clears the cache first. */
  get(digest: string, generation: number): VerifiedToken | null {
    this.startGeneration(generation)
    const found = this.entries.get(digest)
    const fresh = found !== undefined && found.until > this.clock.now()
    if (fresh) this.hits += 1
    else this.misses += 1
    return fresh ? found : null
  }

  /**
   * Caches a verified token, evicting the oldest entry of a full cache. Does nothing for an older generation of keys.
   */
  put(digest: string, generation: number, proven: VerifiedToken): void {
    // The keys changed during the verification.
    if (generation < this.generation) return
    this.startGeneration(generation)
    this.entries.delete(digest)
    // Evict the oldest: a map keeps insertion order.
    if (this.entries.size >= this.limits.max_entries)
      this.entries.delete(this.entries.keys().next().value as string)
    this.entries.set(digest, {
      ...proven,
      until: this.clock.now() + this.limits.max_age_s * 1000,
    })
  }

  /** Hits and misses since the start, and entries now, expired ones included. */
  metrics(): { readonly hits: number; readonly misses: number; readonly entries: number } {
    return { hits: this.hits, misses: this.misses, entries: this.entries.size }
  }

  private startGeneration(generation: number): void {
    if (generation !== this.generation) this.entries.clear()
    this.generation = generation
  }
}

/** The cache key of a token: SHA-256 in base64, so that the cache holds no token. */
export const hashToken = (token: string): string => hash('sha256', token, 'base64')
