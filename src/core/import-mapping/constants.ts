import { canonicalizeValue } from '../json/plain.ts'
import type { TableName } from '../rows/rows.ts'
import type { TableRule } from './conditions.ts'

/** A value that rows have from the mapping alone, whatever the file says. */
export interface ConstantUse {
  readonly table: TableName
  readonly member: string
  /** As JSON. */
  readonly value: string
  /** What the mapping says about it; null for nothing. */
  readonly note: string | null
  /** Number of rows that hold it. */
  readonly rows: number
}

/** Counts the rows of each constant; rules that give one member the same value and note count as one. */
export class ConstantUses {
  private readonly uses = new Map<string, ConstantUse>()

  /** @param rows number of rows that the rule has made; 0 adds nothing */
  add({ table, rule }: TableRule, rows: number): void {
    if (rows === 0) return
    for (const [member, one] of Object.entries(rule.members)) {
      if (!('const' in one)) continue
      const use = { table, member, value: canonicalizeValue(one.const), note: one.note ?? null }
      const key = canonicalizeValue(use)
      this.uses.set(key, { ...use, rows: rows + (this.uses.get(key)?.rows ?? 0) })
    }
  }

  /** In the order of the rules and their members. */
  list(): readonly ConstantUse[] {
    return [...this.uses.values()]
  }
}
