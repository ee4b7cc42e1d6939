import {
  type AnyRow,
  getRowKey,
  formatRowKey,
  type RowKey,
  type RowsByTable,
  type TableName,
  TABLE_NAMES,
} from '../rows/rows.ts'

/** The rows after a number of acknowledged writes. */
export class WrittenRows {
  private readonly rows: Readonly<Record<TableName, Map<string, AnyRow>>> = {
    flag_registry: new Map(),
    tenant_override: new Map(),
    user_override: new Map(),
  }

  constructor(state: RowsByTable) {
    for (const table of TABLE_NAMES) for (const row of state[table]) this.put(table, row)
  }

  put(table: TableName, row: AnyRow): void {
    this.rows[table].set(formatRowKey(getRowKey(row)), row)
  }

  /** Includes tombstones. */
  get(table: TableName, key: RowKey): AnyRow | null {
    return this.rows[table].get(formatRowKey(key)) ?? null
  }

  state(): RowsByTable {
    const entries = TABLE_NAMES.map((table) => [table, [...this.rows[table].values()]])
    return Object.fromEntries(entries) as unknown as RowsByTable
  }
}
