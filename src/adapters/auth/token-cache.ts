import { hash } from 'node:crypto'
import type { Claims } from '../../core/auth/claims.ts'
import type { Clock } from './clock.ts'

export interface TokenCacheLimits {
  readonly max_entries: number
  readonly max_age_s: number
}
/** A token whose signature was seen to hold. */
export interface VerifiedToken {
  readonly claims: Claims
  /** Whether it named its key. */
  readonly kid: boolean
}

/**
 * Tokens whose signatures held, by their SHA-256, for the generation of keys that they were held to. Claims
 * are judged again at each use, so nothing here outlives `exp`; an entry goes after a minute at the latest.
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

  get(digest: string, generation: number): VerifiedToken | null {
    this.startGeneration(generation)
    const found = this.entries.get(digest)
    const fresh = found !== undefined && found.until > this.clock.now()
    if (fresh) this.hits += 1
    else this.misses += 1
    return fresh ? found : null
  }

  put(digest: string, generation: number, proven: VerifiedToken): void {
    // Of keys that have gone meanwhile.
    if (generation < this.generation) return
    this.startGeneration(generation)
    this.entries.delete(digest)
    // The oldest goes: a map keeps the order in which its entries came.
    if (this.entries.size >= this.limits.max_entries)
      this.entries.delete(this.entries.keys().next().value as string)
    this.entries.set(digest, {
      ...proven,
      until: this.clock.now() + this.limits.max_age_s * 1000,
    })
  }

  metrics(): { readonly hits: number; readonly misses: number; readonly entries: number } {
    return { hits: this.hits, misses: this.misses, entries: this.entries.size }
  }

  private startGeneration(generation: number): void {
    if (generation !== this.generation) this.entries.clear()
    this.generation = generation
  }
}

/** What a token is kept under: the cache never holds one. */
export const hashToken = (token: string): string => hash('sha256', token, 'base64')
