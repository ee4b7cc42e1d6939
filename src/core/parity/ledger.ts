import {
  type AnyRow,
  getRowKey,
  formatRowKey,
  type RowKey,
  type RowsByTable,
  type TableName,
  TABLE_NAMES,
} from '../rows/rows.ts'

/** Keeps the rows after a number of acknowledged writes in memory, tombstones included. */
export class WrittenRows {
  private readonly rows: Readonly<Record<TableName, Map<string, AnyRow>>> = {
    flag_registry: new Map(),
    tenant_override: new Map(),
    user_override: new Map(),
  }

  /** Starts from the rows of `state`. */
  constructor(state: RowsByTable) {
    for (const table of TABLE_NAMES) for (const row of state[table]) this.put(table, row)
  }

  /** Adds the row, or replaces the row under its key. */
  put(table: TableName, row: AnyRow): void {
    this.rows[table].set(formatRowKey(getRowKey(row)), row)
  }

  /** The row under the key, a tombstone too; null where none was put. */
  get(table: TableName, key: RowKey): AnyRow | null {
    return this.rows[table].get(formatRowKey(key)) ?? null
  }

  /** The rows of each table, tombstones included, in the order in which their keys first came. */
  state(): RowsByTable {
    const entries = TABLE_NAMES.map((table) => [table, [...this.rows[table].values()]])
    return Object.fromEntries(entries) as unknown as RowsByTable
  }
}
