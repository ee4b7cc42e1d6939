import type { CanonicalJson } from '../json/canonical.ts'
import type { JsonNode } from '../json/read.ts'
import { compareRowLines, formatRowLine } from '../row-format/row-line.ts'
import {
  type AnyRow,
  detectValueType,
  formatRowKey,
  getRowKey,
  serializeRow,
  type TableName,
  type ValueType,
} from '../rows/rows.ts'
import {
  createRootEntry,
  findEntries,
  findFirstEntry,
  type MappingEntry,
  WILDCARD,
} from './entries.ts'
import { BoundedList, surveyDocument } from './survey.ts'
import { readRow, type RowRead } from './read-row.ts'
import type { EntryRule, ImportMapping, MappedRow, MappingChange, MappingRefusal } from './types.ts'

/** The rows of a document, the refusals, and every value that a row holds differently. */
export interface MappedDocument {
  /** In the order of a snapshot; unusable where there is any refusal. */
  readonly rows: readonly MappedRow[]
  readonly refusals: BoundedList<MappingRefusal>
  readonly changes: BoundedList<MappingChange>
  /** Number of places that the mapping ignores. */
  readonly ignored: number
}

/**
 * Converts a document by its mapping: rows in the order of a snapshot, refusals, changed values, and the number of
 * ignored places. The rows are unusable where there is any refusal. Deterministic: the same document and mapping
 * always give the same rows.
 */
export function mapDocument(root: JsonNode, mapping: ImportMapping): MappedDocument {
  const { refusals, ignored } = surveyDocument(root, mapping)
  const maker = new RowMaker(refusals)
  // Flags come first, as overrides are validated against them.
  maker.take('flag_registry', mapping.flags, root)
  maker.take('tenant_override', mapping.tenant_overrides, root)
  maker.take('user_override', mapping.user_overrides, root)
  return { rows: maker.rows.sort(compareRowLines), refusals, changes: maker.changes, ignored }
}

class RowMaker {
  readonly rows: MappedRow[] = []
  readonly changes = new BoundedList<MappingChange>()
  private readonly refusals: BoundedList<MappingRefusal>
  /** The value type of every flag in the file; null where the flag was refused. */
  private readonly types = new Map<string, ValueType | null>()
  /** The place of the first entry of each row. */
  private readonly seen = new Map<string, string>()

  constructor(refusals: BoundedList<MappingRefusal>) {
    this.refusals = refusals
  }

  take(table: TableName, rules: readonly EntryRule[], root: JsonNode): void {
    for (const rule of rules) {
      const fixed = getLiteralPart(rule.at)
      if (findFirstEntry(createRootEntry(root), fixed) === undefined)
        this.refusals.add([{ code: 'place_missing', pointer: fixed, detail: `rows of ${table}` }])
      for (const entry of findEntries(createRootEntry(root), rule.at))
        this.addEntry(table, rule, entry)
    }
  }

  private addEntry(table: TableName, rule: EntryRule, entry: MappingEntry): void {
    const read = readRow(table, rule, entry)
    const { row, refusals, changes, flagKey } = read
    this.refusals.add(refusals)
    if (table === 'flag_registry' && flagKey !== null)
      this.types.set(flagKey, row !== null && 'value_type' in row ? row.value_type : null)
    if (row === null) return
    const wrong = [...this.findRepeats(table, row, read), ...this.findMisfits(row, read)]
    this.refusals.add(wrong)
    this.changes.add(changes)
    this.rows.push({ table, key: getRowKey(row), line: formatRowLine(table, serializeRow(row)) })
  }

  /** Refuses the second of two entries with one row key. */
  private findRepeats(
    table: TableName,
    row: AnyRow,
    { refusal }: RowRead,
  ): readonly MappingRefusal[] {
    const key = `${table} ${formatRowKey(getRowKey(row))}`
    const repeat = refusal('row_repeated', 'flag_key')
    const first = this.seen.get(key)
    if (first !== undefined) return [{ ...repeat, detail: `${repeat.detail}, as at ${first}` }]
    this.seen.set(key, repeat.pointer)
    return []
  }

  /** Refuses a row whose flag is unknown, or whose values do not fit the flag's type. */
  private findMisfits(row: AnyRow, { refusal }: RowRead): readonly MappingRefusal[] {
    const type = this.types.get(row.flag_key)
    if (type === undefined) return [refusal('flag_unknown', 'flag_key')]
    const values: readonly (readonly [string, CanonicalJson | undefined])[] =
      'value_type' in row
        ? [
            ['default_value', row.default_value],
            ['safe_value', row.safe_value],
          ]
        : [['value', row.value]]
    return values
      .filter(
        ([, value]) => type !== null && value !== undefined && detectValueType(value) !== type,
      )
      .map(([name]) => refusal('value_type_mismatch', name))
  }
}

/** The part of a pattern before its first wildcard, which must exist in the document. */
const getLiteralPart = (at: string): string => {
  const parts = at.split('/')
  const first = parts.indexOf(WILDCARD)
  return first < 0 ? at : parts.slice(0, first).join('/')
}
