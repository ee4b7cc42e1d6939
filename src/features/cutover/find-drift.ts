import { type CutoverPhase, PHASE_RULES } from '../../core/cutover/phases.ts'
import type { DriftKind } from '../../core/report/cutover-documents.ts'
import { parseRowLine, readLineKey } from '../../core/row-format/row-line.ts'
import { decodeRow } from '../../core/rows/decode-row.ts'
import { formatRowKey, type RowKey, type TableName, TABLE_NAMES } from '../../core/rows/rows.ts'
import type { RowSource } from '../../ports/rows.ts'
import { type MergedLine, mergeRows, type MergeVisitor } from '../import-export/merge-rows.ts'
import { findPairDifferences, formatRowPointer } from '../import-export/row-report.ts'

/** Keys in memory, and rows that one search finds at most. */
export const MOST_DRIFTED = 1_000
/** Looks at rows that differ, while the authority changes them. */
const MOST_LOOKS = 3

export interface DriftedRow {
  readonly table: TableName
  readonly key: RowKey
  readonly kind: DriftKind
  /** Members that differ, as JSON pointers into the row; empty where one side alone has the row. */
  readonly fields: readonly string[]
  /** Revision of a row that the second side has alone; null for any other, and where it breaks its schema. */
  readonly alone: number | null
}
export interface RowDrift {
  /** Keys that at least one side has. */
  readonly compared: number
  /** False where the search ended at `MOST_DRIFTED`. */
  readonly complete: boolean
  readonly rows: readonly DriftedRow[]
  /** Rows that the authority changed at each look, so that they count neither as equal nor as different. */
  readonly inFlight: number
}
export interface DriftSides {
  readonly phase: CutoverPhase
  readonly file: RowSource
  readonly database: RowSource
  /** Waits until the second side has all that the authority has at the call. @throws FfError `mirror_behind` */
  readonly catchUp: () => Promise<void>
}

interface Suspect {
  readonly table: TableName
  readonly key: RowKey
}

/**
 * Finds the rows in which the two sides differ under one chain. A row that differed at first is read again in the
 * authority, then in the second side once that has caught up, then in the authority: what differs although the
 * authority did not change it in between is drift.
 *
 * @throws FfError `store_corrupt` for a row without a key, and the errors of both sides
 */
export async function findRowDrift(sides: DriftSides): Promise<RowDrift> {
  const visitor = new SuspectVisitor()
  await mergeRows(sides.file, sides.database, visitor)
  const rows: DriftedRow[] = []
  let inFlight = 0
  for (const table of TABLE_NAMES) {
    let waiting: readonly RowKey[] = visitor.suspects
      .filter((one) => one.table === table)
      .map(({ key }) => key)
    for (let look = 0; look < MOST_LOOKS && waiting.length > 0; look++) {
      const seen = await judge(sides, table, waiting)
      rows.push(...seen.drifted)
      waiting = seen.moving
    }
    inFlight += waiting.length
  }
  return { compared: visitor.compared, complete: !visitor.isFull, rows, inFlight }
}

class SuspectVisitor implements MergeVisitor {
  readonly suspects: Suspect[] = []
  compared = 0

  get isFull(): boolean {
    return this.suspects.length >= MOST_DRIFTED
  }
  same(_table: TableName, count: number): boolean {
    this.compared += count
    return true
  }
  pair(line: MergedLine): boolean {
    return this.suspect(line)
  }
  only(_side: unknown, line: MergedLine): boolean {
    return this.suspect(line)
  }
  private suspect({ table, key }: MergedLine): boolean {
    this.compared += 1
    this.suspects.push({ table, key })
    return !this.isFull
  }
}

async function judge(
  sides: DriftSides,
  table: TableName,
  keys: readonly RowKey[],
): Promise<{ readonly drifted: readonly DriftedRow[]; readonly moving: readonly RowKey[] }> {
  const { file, database, phase, catchUp } = sides
  const isFileFirst = PHASE_RULES[phase].authority === 'file'
  const [authority, second] = isFileFirst ? [file, database] : [database, file]
  const read = async (side: RowSource): Promise<Lines> =>
    toLines(table, await side.lookup(table, keys))
  const before = await read(authority)
  await catchUp()
  const other = await read(second)
  const after = await read(authority)
  const drifted: DriftedRow[] = []
  const moving: RowKey[] = []
  for (const key of keys) {
    const [own, there] = [after.get(formatRowKey(key)), other.get(formatRowKey(key))]
    if (own === there) continue
    if (own !== before.get(formatRowKey(key))) moving.push(key)
    else drifted.push(...compare({ table, key }, { own, there, isFileFirst }))
  }
  return { drifted, moving }
}

type Lines = ReadonlyMap<string, string>
const toLines = (table: TableName, lines: readonly string[]): Lines =>
  new Map(
    lines.flatMap((line) => {
      const read = readLineKey(table, line)
      return read === null ? [] : [[formatRowKey(read.key), line] as const]
    }),
  )

/** One row of two different lines; none where only their spelling differs. */
function compare(
  { table, key }: Suspect,
  {
    own,
    there,
    isFileFirst,
  }: {
    readonly own: string | undefined
    readonly there: string | undefined
    readonly isFileFirst: boolean
  },
): readonly DriftedRow[] {
  const row = { table, key, fields: [], alone: null }
  if (there === undefined) return [{ ...row, kind: isFileFirst ? 'file_only' : 'database_only' }]
  if (own === undefined)
    return [
      {
        ...row,
        kind: isFileFirst ? 'database_only' : 'file_only',
        alone: readRevision(table, there),
      },
    ]
  const { length } = formatRowPointer(key)
  const found = findPairDifferences(key, [own, there])
  const fields = found.map(({ pointer }) => (pointer ?? '').slice(length))
  return fields.length === 0 ? [] : [{ ...row, kind: 'differs', fields }]
}

function readRevision(table: TableName, line: string): number | null {
  const read = parseRowLine(line)
  return read === null ? null : (decodeRow(table, read.node, 'stored').row?.revision ?? null)
}
