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
import { BoundedList } from './bounded-list.ts'
import { EntrySelector, listTableRules, type TableRule } from './conditions.ts'
import {
  createRootEntry,
  findEntries,
  findFirstEntry,
  type MappingEntry,
  pauseBetween,
  WILDCARD,
} from './entries.ts'
import { type ConstantUse, ConstantUses } from './constants.ts'
import { type LeftPlace, surveyDocument } from './survey.ts'
import { readRow, type RowRead } from './read-row.ts'
import type { ImportMapping, MappedRow, MappingChange, MappingRefusal } from './types.ts'

/** The rows of a document, the refusals, and every value that a row holds differently. */
export interface MappedDocument {
  /** In the order of a snapshot; unusable where there is any refusal. */
  readonly rows: readonly MappedRow[]
  readonly refusals: BoundedList<MappingRefusal>
  readonly changes: BoundedList<MappingChange>
  /** The constants of the mapping that rows hold. */
  readonly constants: readonly ConstantUse[]
  /** The places that are left behind on purpose. */
  readonly left: BoundedList<LeftPlace>
  /** JSON pointers of the values that rows are made of. */
  readonly read: BoundedList<string>
}

/**
 * Converts a document by its mapping: rows in the order of a snapshot, refusals, changed values, and the places that
 * are left behind. The rows are unusable where there is any refusal. Deterministic: the same document and mapping
 * always give the same rows.
 *
 * @param accepted the losses of `skipped` that are accepted
 */
export function mapDocument(
  root: JsonNode,
  mapping: ImportMapping,
  accepted: ReadonlySet<string> = new Set(),
): MappedDocument {
  const steps = mapInSteps(root, mapping, accepted)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

/** As `mapDocument`, in steps of about a thousand places, so that a caller can pause or stop between them. */
export function* mapInSteps(
  root: JsonNode,
  mapping: ImportMapping,
  accepted: ReadonlySet<string>,
): Generator<void, MappedDocument> {
  const { refusals, left, read } = yield* surveyDocument(root, mapping, accepted)
  const maker = new RowMaker(refusals, new EntrySelector(mapping))
  for (const rule of listTableRules(mapping)) yield* maker.take(rule, createRootEntry(root))
  const { changes, constants } = maker
  const rows = maker.rows.sort(compareRowLines)
  return { rows, refusals, changes, constants: constants.list(), left, read }
}

class RowMaker {
  readonly rows: MappedRow[] = []
  readonly changes = new BoundedList<MappingChange>(({ code }) => code)
  readonly constants = new ConstantUses()
  private readonly refusals: BoundedList<MappingRefusal>
  private readonly selector: EntrySelector
  /** The value type of every flag in the file; null where the flag was refused. */
  private readonly types = new Map<string, ValueType | null>()
  /** The first value that a conversion made each name of. */
  private readonly origins = new Map<string, string>()
  /** The place of the first entry of each row. */
  private readonly seen = new Map<string, string>()

  constructor(refusals: BoundedList<MappingRefusal>, selector: EntrySelector) {
    this.refusals = refusals
    this.selector = selector
  }

  *take(taker: TableRule, file: MappingEntry): Generator<void> {
    const { table, rule } = taker
    const fixed = getLiteralPart(rule.at)
    if (rule.optional !== true && findFirstEntry(file, fixed) === undefined)
      this.refusals.add([{ code: 'place_missing', pointer: fixed, detail: `rows of ${table}` }])
    const before = this.rows.length
    for (const entry of pauseBetween(findEntries(file, rule.at)))
      if (entry === null) yield
      else if (this.selector.takes(rule, entry)) this.addEntry(taker, entry)
    this.constants.add(taker, this.rows.length - before)
  }

  private addEntry({ table, rule }: TableRule, entry: MappingEntry): void {
    const read = readRow(table, rule, entry)
    const { row, refusals, changes, flagKey } = read
    this.refusals.add([...refusals, ...this.findCollisions(read)])
    if (table === 'flag_registry' && flagKey !== null)
      this.types.set(flagKey, row !== null && 'value_type' in row ? row.value_type : null)
    if (row === null) return
    const wrong = [...this.findRepeats(table, row, read), ...this.findMisfits(row, read)]
    this.refusals.add(wrong)
    this.changes.add(changes)
    this.rows.push({ table, key: getRowKey(row), line: formatRowLine(table, serializeRow(row)) })
  }

  /** Refuses a name that a conversion makes equal to another name of the file. */
  private findCollisions({ merged, refusal }: RowRead): readonly MappingRefusal[] {
    return merged.flatMap(({ member, was, becomes }) => {
      const name = `${member} ${becomes}`
      const first = this.origins.get(name) ?? was
      this.origins.set(name, first)
      return first === was ? [] : [refusal('name_collision', member, `${first} becomes it too`)]
    })
  }

  /** Refuses the second of two entries with one row key. */
  private findRepeats(
    table: TableName,
    row: AnyRow,
    { refusal }: RowRead,
  ): readonly MappingRefusal[] {
    const key = `${table} ${formatRowKey(getRowKey(row))}`
    const first = this.seen.get(key)
    if (first !== undefined) return [refusal('row_repeated', 'flag_key', `as at ${first}`)]
    this.seen.set(key, refusal('row_repeated', 'flag_key').pointer)
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
