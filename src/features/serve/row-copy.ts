import { parseLosslessJson } from '../../core/json/read.ts'
import { makeProblem } from '../../core/problem.ts'
import { decodeRow } from '../../core/rows/decode-row.ts'
import {
  type AnyRow,
  formatRowKey,
  type RowKey,
  type RowOf,
  type RowOrBroken,
  type RowsOfFlag,
  serializeRow,
  TABLE_NAMES,
  type TableName,
} from '../../core/rows/rows.ts'
import type { FlagEntry, RowQuery, ServiceStore } from '../../ports/store.ts'

/** What an entry costs besides its texts, about. */
const ENTRY_BYTES = 150

interface Entry {
  /** The row as canonical JSON; null for a broken row. */
  readonly text: string | null
  /** 0 for a broken row. */
  readonly revision: number
}
type Entries = Map<string, Entry>

/** A row as it is kept on disk; the text is null for a broken row. */
export type KeptRow = readonly [
  table: TableName,
  name: string,
  revision: number,
  text: string | null,
]

/** A copy of all rows of a store in memory, as texts: a third of the memory of objects. */
export class RowCopy {
  private readonly tables: Readonly<Record<TableName, Entries>> = {
    flag_registry: new Map(),
    tenant_override: new Map(),
    user_override: new Map(),
  }
  /** Flags of which a row is known to have changed and was not read again yet. */
  readonly unread = new Set<string>()
  /** Flag keys in order; null after one was added. */
  private order: readonly string[] | null = null
  private size = 0

  /** Approximate memory of the copy. */
  get bytes(): number {
    return this.size
  }

  /** Puts a row in place; a revision older than that of the copy is ignored, as a later change was put before. */
  put(table: TableName, key: RowKey, { row }: RowOrBroken<AnyRow>): void {
    const entries = this.tables[table]
    const name = formatRowKey(key)
    const before = entries.get(name)
    const entry =
      row === undefined
        ? { text: null, revision: 0 }
        : { text: serializeRow(row), revision: row.revision }
    if (row !== undefined && before !== undefined && before.revision > entry.revision) return
    if (before === undefined && table === 'flag_registry') this.order = null
    entries.set(name, entry)
    this.size += measure(name, entry) - (before === undefined ? 0 : measure(name, before))
  }

  /** Every row as of the first step; changes that come while they are read are not among them. */
  *list(): Generator<KeptRow> {
    const held = TABLE_NAMES.map((table) => {
      const entries = this.tables[table]
      return { table, names: [...entries.keys()], entries: [...entries.values()] }
    })
    for (const { table, names, entries } of held)
      for (const [at, { revision, text }] of entries.entries())
        yield [table, names[at] as string, revision, text]
  }

  /** Puts a row of `list` in place. */
  restore([table, name, revision, text]: KeptRow): void {
    this.tables[table].set(name, { text, revision })
    this.order = null
    this.size += measure(name, { text, revision })
  }

  /** The rows of one evaluation; null where there is no row, or an id is null. */
  read({ flag_key, tenant_id, user_id }: RowQuery): RowsOfFlag {
    const find = <T extends TableName>(table: T, scope_id: string | null) =>
      this.find(table, { scope_id, flag_key })
    return {
      flag: find('flag_registry', null),
      tenant: tenant_id === null ? null : find('tenant_override', tenant_id),
      user: user_id === null ? null : find('user_override', user_id),
    }
  }

  /** At most `limit` flags whose key follows `after`, ordered by key as bytes; null begins at the first. */
  page({ after, limit }: Parameters<ServiceStore['page']>[0]): readonly FlagEntry[] {
    // Keys are ASCII, so code units order as bytes do.
    this.order ??= [...this.tables.flag_registry.keys()].map((name) => name.slice(1)).toSorted()
    const first = after === null ? 0 : this.order.findIndex((flag_key) => flag_key > after)
    if (first < 0) return []
    return this.order.slice(first, first + limit).flatMap((flag_key) => {
      const held = this.find('flag_registry', { scope_id: null, flag_key })
      return held === null ? [] : [{ flag_key, held }]
    })
  }

  private find<T extends TableName>(table: T, key: RowKey): RowOrBroken<RowOf[T]> | null {
    const entry = this.tables[table].get(formatRowKey(key))
    if (entry === undefined) return null
    const read = entry.text === null ? null : parseLosslessJson(entry.text)
    if (read === null || !read.ok) return { broken: [makeProblem('form_wrong', '')] }
    return decodeRow(table, read.node, 'stored')
  }
}

const measure = (name: string, { text }: Entry): number =>
  ENTRY_BYTES + name.length + (text?.length ?? 0)
