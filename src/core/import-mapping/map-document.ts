import type { CanonicalJson } from '../json/canonical.ts'
import type { JsonNode } from '../json/read.ts'
import { formatRowLine } from '../row-format/row-line.ts'
import {
  type AnyRow,
  detectValueType,
  getRowKey,
  serializeRow,
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
import { RowRead } from './read-row.ts'
import { type RepeatedRow, RowRuns, type TextPacking } from './row-runs.ts'
import type { ImportMapping, MappingChange, MappingRefusal } from './types.ts'
import { describeMember } from './wanted.ts'

/** The rows of a document, the refusals, and every value that a row holds differently. */
export interface MappedDocument {
  /** Unusable where there is any refusal. */
  readonly rows: RowRuns
  readonly refusals: BoundedList<MappingRefusal>
  readonly changes: BoundedList<MappingChange>
  /** The constants of the mapping that rows hold. */
  readonly constants: readonly ConstantUse[]
  /** The places that are left behind on purpose. */
  readonly left: BoundedList<LeftPlace>
  /** JSON pointers of the values that rows are made of. */
  readonly read: BoundedList<string>
}

/** How a document is mapped. */
export interface MappingUse {
  readonly mapping: ImportMapping
  /** The losses of `skipped` that are accepted. */
  readonly accepted: ReadonlySet<string>
  readonly packing: TextPacking
}

/**
 * Converts a document by its mapping: rows in the order of a snapshot, refusals, changed values, and the places that
 * are left behind. Yields after about a thousand places, so that a caller can pause or stop. Deterministic: the same
 * document and mapping always give the same rows.
 */
export function* mapInSteps(
  root: JsonNode,
  { mapping, accepted, packing }: MappingUse,
): Generator<void, MappedDocument> {
  const { refusals, left, read } = yield* surveyDocument(root, mapping, accepted)
  const rows = new RowRuns(packing)
  const maker = new RowMaker(rows, refusals, new EntrySelector(mapping))
  for (const rule of listTableRules(mapping)) yield* maker.take(rule, createRootEntry(root))
  for (const repeat of rows.findRepeats())
    if (repeat === null) yield
    else refusals.add([refuseRepeat(repeat)])
  const { changes, constants } = maker
  return { rows, refusals, changes, constants: constants.list(), left, read }
}

class RowMaker {
  readonly changes = new BoundedList<MappingChange>(({ code }) => code)
  readonly constants = new ConstantUses()
  private readonly rows: RowRuns
  private readonly refusals: BoundedList<MappingRefusal>
  private readonly selector: EntrySelector
  /** The value type of every flag in the file; null where the flag was refused. */
  private readonly types = new Map<string, ValueType | null>()
  /** The first value that a conversion made each name of. */
  private readonly origins = new Map<string, string>()

  constructor(rows: RowRuns, refusals: BoundedList<MappingRefusal>, selector: EntrySelector) {
    this.rows = rows
    this.refusals = refusals
    this.selector = selector
  }

  *take(taker: TableRule, file: MappingEntry): Generator<void> {
    const { table, rule } = taker
    const fixed = getLiteralPart(rule.at)
    if (rule.optional !== true && findFirstEntry(file, fixed) === undefined)
      this.refusals.add([{ code: 'place_missing', pointer: fixed, detail: `rows of ${table}` }])
    const before = this.rows.count
    for (const entry of pauseBetween(findEntries(file, rule.at)))
      if (entry === null) yield
      else if (this.selector.takes(rule, entry)) this.addEntry(taker, entry)
    this.constants.add(taker, this.rows.count - before)
  }

  private addEntry({ table, rule }: TableRule, entry: MappingEntry): void {
    const read = new RowRead(table, rule, entry)
    const { row, refusals, changes, flagKey } = read
    this.refusals.add([...refusals, ...this.findCollisions(read)])
    if (table === 'flag_registry' && flagKey !== null)
      this.types.set(flagKey, row !== null && 'value_type' in row ? row.value_type : null)
    if (row === null) return
    this.refusals.add(this.findMisfits(row, read))
    this.changes.add(changes)
    const line = formatRowLine(table, serializeRow(row))
    this.rows.add({ table, key: getRowKey(row), line }, read.placeOf('flag_key'))
  }

  /** Refuses a name that a conversion makes equal to another name of the file. */
  private findCollisions(read: RowRead): readonly MappingRefusal[] {
    return read.merged.flatMap(({ member, was, becomes }) => {
      const name = `${member} ${becomes}`
      const first = this.origins.get(name) ?? was
      this.origins.set(name, first)
      return first === was ? [] : [read.refuse('name_collision', member, `${first} becomes it too`)]
    })
  }

  /** Refuses a row whose flag is unknown, or whose values do not fit the flag's type. */
  private findMisfits(row: AnyRow, read: RowRead): readonly MappingRefusal[] {
    const type = this.types.get(row.flag_key)
    if (type === undefined) return [read.refuse('flag_unknown', 'flag_key')]
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
      .map(([name]) => read.refuse('value_type_mismatch', name))
  }
}

/** Refuses the second of two entries with one row key. */
function refuseRepeat({ row: { table, key }, at, firstAt }: RepeatedRow): MappingRefusal {
  const code = 'row_repeated'
  const name = 'flag_key'
  const reason = `as at ${firstAt}`
  const detail = describeMember({ table, name, code, node: key.flag_key, reason })
  return { code, pointer: at, about: `${name} of ${table}`, detail }
}

/** The part of a pattern before its first wildcard, which must exist in the document. */
const getLiteralPart = (at: string): string => {
  const parts = at.split('/')
  const first = parts.indexOf(WILDCARD)
  return first < 0 ? at : parts.slice(0, first).join('/')
}
