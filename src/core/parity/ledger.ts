import {
  type AnyRow,
  keyOf,
  keyText,
  type RowKey,
  type State,
  type Table,
  TABLES,
} from '../rows/rows.ts'

/** The rows that stand after a number of writes, as whoever wrote them was told. */
export class Ledger {
  private readonly rows: Readonly<Record<Table, Map<string, AnyRow>>> = {
    flag_registry: new Map(),
    tenant_override: new Map(),
    user_override: new Map(),
  }

  constructor(state: State) {
    for (const table of TABLES) for (const row of state[table]) this.put(table, row)
  }

  put(table: Table, row: AnyRow): void {
    this.rows[table].set(keyText(keyOf(row)), row)
  }

  /** Tombstones included. */
  get(table: Table, key: RowKey): AnyRow | null {
    return this.rows[table].get(keyText(key)) ?? null
  }

  state(): State {
    const held = TABLES.map((table) => [table, [...this.rows[table].values()]])
    return Object.fromEntries(held) as unknown as State
  }
}
