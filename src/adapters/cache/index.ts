import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { CacheOptions, RowCache } from '../../ports/cache.ts'
import { TwoLevelCache } from './two-level-cache.ts'

/** Opens a cache over a client of Redis, which stays the caller's; it caches once `trust` was called. */
export const openRowCache = (options: CacheOptions): RowCache =>
  new TwoLevelCache(options, {
    now: performance.now.bind(performance),
    wallClock: Date.now,
    random: Math.random,
    sleep: (ms) => setTimeout(ms),
    newToken: randomUUID,
  })
