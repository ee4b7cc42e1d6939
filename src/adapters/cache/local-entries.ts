import { LRUCache } from 'lru-cache'
import type { RowOrBroken, AnyRow } from '../../core/rows/rows.ts'

/** A value in memory, with the seq of its reading. */
export interface LocalEntry<Held = RowOrBroken<AnyRow> | null> {
  readonly held: Held
  readonly seq: number
}
/** An entry that was found, with what an early refresh goes by. */
export interface FoundEntry<Held> extends LocalEntry<Held> {
  readonly remaining_ms: number
  readonly cost_ms: number
}
interface Stored<Held> extends LocalEntry<Held> {
  readonly ends_ms: number
  readonly cost_ms: number
}

/** What an entry costs besides its text, about. */
const ENTRY_BYTES = 400

/** The entries of this process by Redis key: the least recently used go first. */
export class LocalEntries<Held> {
  private readonly entries: LRUCache<string, Stored<Held>>
  private readonly now: () => number

  /** @param now a monotonic clock in milliseconds */
  constructor(maxBytes: number, now: () => number) {
    this.entries = new LRUCache({ maxSize: maxBytes })
    this.now = now
  }

  get size(): number {
    return this.entries.size
  }

  /** The entry of a key; undefined where there is none, or it has ended. */
  get(key: string): FoundEntry<Held> | undefined {
    const stored = this.entries.get(key)
    if (stored === undefined) return undefined
    const remaining_ms = stored.ends_ms - this.now()
    if (remaining_ms > 0) {
      const { held, seq, cost_ms } = stored
      return { held, seq, cost_ms, remaining_ms }
    }
    this.entries.delete(key)
    return undefined
  }

  /** Whether there is an entry of a key that has not ended. */
  has(key: string): boolean {
    const stored = this.entries.peek(key)
    return stored !== undefined && stored.ends_ms > this.now()
  }

  /** @param terms.bytes length of the value as text */
  set(
    key: string,
    entry: LocalEntry<Held>,
    terms: { readonly ttl_ms: number; readonly cost_ms: number; readonly bytes: number },
  ): void {
    const stored = { ...entry, ends_ms: this.now() + terms.ttl_ms, cost_ms: terms.cost_ms }
    this.entries.set(key, stored, { size: ENTRY_BYTES + key.length + 2 * terms.bytes })
  }

  delete(key: string): void {
    this.entries.delete(key)
  }

  clear(): void {
    this.entries.clear()
  }
}
