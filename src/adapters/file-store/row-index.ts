import { setImmediate } from 'node:timers/promises'
import type {
  AnyRow,
  FlagRow,
  RowKey,
  RowsOfFlag,
  RowOrBroken,
  TableName,
} from '../../core/rows/rows.ts'
import { getRowKey, formatRowKey, TABLE_NAMES } from '../../core/rows/rows.ts'
import type { FlagEntry, KeyedRow, OverrideQuery, RowQuery } from '../../ports/store.ts'

/** Rows that a list looks at in one turn of the event loop: about a millisecond. */
const SLICE = 10_000

/**
 * The rows of a file store in memory, with lookups in constant time. An index may overlay a base: its rows hide
 * those of the base until `mergeDown` writes them there, or the index is dropped.
 */
export class RowIndex {
  private readonly base: RowIndex | null
  private readonly rows: Readonly<Record<TableName, Map<string, KeyedRow>>> = {
    flag_registry: new Map(),
    tenant_override: new Map(),
    user_override: new Map(),
  }
  private readonly live = new Map<string, number>()
  /** Flag keys in byte order; null until a page needs them, and after a flag was added. */
  private flagKeys: readonly string[] | null = null

  constructor(base: RowIndex | null = null) {
    this.base = base
  }

  /** The row under a key, from this index or else from its base; null if neither has it. */
  get(table: TableName, key: RowKey): RowOrBroken<AnyRow> | null {
    return this.rows[table].get(formatRowKey(key))?.held ?? this.base?.get(table, key) ?? null
  }

  /** Adds or replaces a row in this index; the base stays as it is. */
  set(table: TableName, key: RowKey, held: RowOrBroken<AnyRow>): void {
    const step = countLive(table, held) - countLive(table, this.get(table, key))
    if (step !== 0) this.live.set(key.flag_key, (this.live.get(key.flag_key) ?? 0) + step)
    if (table === 'flag_registry' && !this.rows[table].has(formatRowKey(key))) this.flagKeys = null
    this.rows[table].set(formatRowKey(key), { key, held })
  }

  /** Counts the overrides of a flag in both tables, broken ones included, without tombstones. */
  countLiveOverrides(flagKey: string): number {
    return (this.live.get(flagKey) ?? 0) + (this.base?.countLiveOverrides(flagKey) ?? 0)
  }

  /** Writes every row of this index into its base; without a base it does nothing. */
  mergeDown(): void {
    for (const table of TABLE_NAMES) {
      for (const { key, held } of this.rows[table].values()) this.base?.set(table, key, held)
    }
  }

  /** The rows of one flag: null for a missing row, and for an id of null. */
  read({ flag_key, tenant_id, user_id }: RowQuery): RowsOfFlag {
    const find = (table: TableName, scope_id: string | null): RowOrBroken<AnyRow> | null =>
      this.get(table, { scope_id, flag_key })
    return {
      flag: find('flag_registry', null),
      tenant: tenant_id === null ? null : find('tenant_override', tenant_id),
      user: user_id === null ? null : find('user_override', user_id),
    } as RowsOfFlag
  }

  /**
   * Lists at most `limit` flags with a key after `after` (null: from the first), in byte order; the base is not
   * searched.
   */
  page(after: string | null, limit: number): readonly FlagEntry[] {
    const keys = (this.flagKeys ??= [...this.rows.flag_registry.values()]
      .map(({ key }) => key.flag_key)
      .sort())
    const from = after === null ? 0 : findFirstAfter(keys, after)
    return keys.slice(from, from + limit).map((flag_key) => {
      const held = this.get('flag_registry', { scope_id: null, flag_key })
      return { flag_key, held: held as RowOrBroken<FlagRow> }
    })
  }

  /**
   * Lists live overrides, broken ones included. Looks at every row of the table, in slices of a turn of the event loop,
   * so a store without lists pays nothing for them; the base is not searched.
   */
  async overrides({ table, by, value, after, limit }: OverrideQuery): Promise<readonly KeyedRow[]> {
    const other = by === 'flag_key' ? 'scope_id' : 'flag_key'
    const rest = ({ key }: KeyedRow): string => key[other] ?? ''
    const first = (found: readonly KeyedRow[]): KeyedRow[] =>
      found.toSorted((a, b) => (rest(a) < rest(b) ? -1 : 1)).slice(0, limit)
    let found: KeyedRow[] = []
    let looked = 0
    for (const entry of this.rows[table].values()) {
      looked += 1
      if (looked % SLICE === 0) await setImmediate()
      const listed = entry.key[by] === value && rest(entry) > (after ?? '')
      if (listed && countLive(table, entry.held) > 0) found.push(entry)
      if (found.length > 2 * limit) found = first(found)
    }
    return first(found)
  }

  /** Number of rows of a table, tombstones included; the base is not counted. */
  size(table: TableName): number {
    return this.rows[table].size
  }

  /**
   * Rows of one table by scope id, then flag key, in byte order: ids are ASCII, so UTF-16 order is the same. Without
   * rows of the base.
   */
  sorted(table: TableName): readonly RowOrBroken<AnyRow>[] {
    const entries = [...this.rows[table].entries()].sort(([a], [b]) => (a < b ? -1 : 1))
    return entries.map(([, { held }]) => held)
  }

  /** An index of these rows without a base; of rows with the same key, the last one. */
  static fromRows(rows: Readonly<Record<TableName, readonly AnyRow[]>>): RowIndex {
    const index = new RowIndex()
    for (const table of TABLE_NAMES) {
      for (const row of rows[table]) index.set(table, getRowKey(row), { row })
    }
    return index
  }
}

/** 1 for a live override, broken ones included; 0 for a tombstone, a flag or null. */
function countLive(table: TableName, held: RowOrBroken<AnyRow> | null): number {
  if (table === 'flag_registry' || held === null) return 0
  return held.row !== undefined && 'deleted_at' in held.row ? 0 : 1
}

/** Binary search: index of the first text after `text`; the length of the list if there is none. */
function findFirstAfter(sorted: readonly string[], text: string): number {
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((sorted[middle] as string) <= text) from = middle + 1
    else to = middle
  }
  return from
}
