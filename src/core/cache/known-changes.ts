import type { ChangeScope } from './keys.ts'
import { formatRowCacheKey } from './keys.ts'

interface KnownChange {
  readonly seq: number
  readonly at_ms: number
}

/**
 * The last change of each row, for as long as an entry may live. It judges entries by the seq at which they were read,
 * so that a deletion in Redis that was lost does no harm. Where it forgets a change it raises the floor instead, so that
 * an entry which outlives its time in Redis, or is put back there, counts no more.
 */
export class KnownChanges {
  private readonly keep_ms: number
  private readonly most: number
  /** By Redis key of the row; oldest first. */
  private readonly changes = new Map<string, KnownChange>()
  /** No entry that was read before it counts. */
  private floor = 0

  /** @param limits.keep_ms longer than any entry lives */
  constructor({ keep_ms, most }: { readonly keep_ms: number; readonly most: number }) {
    this.keep_ms = keep_ms
    this.most = most
  }

  /**
   * Takes a change; `at_ms` is of a monotonic clock.
   *
   * @returns false for a change of a row that was known, or came after a later one: it changes nothing
   */
  note(scope: ChangeScope, seq: number, at_ms: number): boolean {
    if (scope.kind === 'everything') this.raiseFloor(seq)
    const isNew =
      scope.kind !== 'row' || this.noteRow(formatRowCacheKey(scope.table, scope.key), seq, at_ms)
    this.forget(at_ms)
    return isNew
  }

  /** Refuses all entries that were read before `seq`, as of a time whose changes are not known. */
  raiseFloor(seq: number): void {
    this.floor = Math.max(this.floor, seq)
  }

  /** Whether an entry that was read at `seq` and is made of these rows (their Redis keys) is before no known change. */
  isCurrent(seq: number, keys: readonly string[]): boolean {
    return seq >= this.floor && keys.every((key) => seq >= (this.changes.get(key)?.seq ?? 0))
  }

  /** Number of rows whose change is remembered. */
  get size(): number {
    return this.changes.size
  }

  private noteRow(key: string, seq: number, at_ms: number): boolean {
    const before = this.changes.get(key)
    if (before !== undefined && before.seq >= seq) return false
    this.changes.delete(key)
    this.changes.set(key, { seq, at_ms })
    return true
  }

  private forget(now_ms: number): void {
    for (const [key, { seq, at_ms }] of this.changes) {
      if (this.changes.size <= this.most && now_ms - at_ms < this.keep_ms) return
      this.changes.delete(key)
      this.raiseFloor(seq)
    }
  }
}

/**
 * Whether rows of these seqs are one state of the store: all were read at one seq, or every change up to the newest of
 * them is known, so that the older ones are as of it too.
 */
export function areOneSnapshot(seqs: readonly number[], position: number): boolean {
  const newest = Math.max(...seqs)
  return newest <= position || seqs.every((one) => one === newest)
}
