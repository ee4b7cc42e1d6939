import { type TableName, TABLE_NAMES } from '../rows/rows.ts'
import { PLACES_OF_A_STEP } from './entries.ts'
import type { MappedRow } from './types.ts'

/** Makes texts small and back, without loss. */
export interface TextPacking {
  readonly pack: (text: string) => Uint8Array
  readonly unpack: (bytes: Uint8Array) => string
}

/** The second of two rows of one key, with the places of both. */
export interface RepeatedRow {
  readonly row: MappedRow
  /** JSON pointer into the file. */
  readonly at: string
  readonly firstAt: string
}

/** Rows that are sorted, packed and unpacked at once: few, so that their texts die young and need no large heap. */
const BLOCK_ROWS = 200
/** Runs that are merged into one of the next level, and read at once. */
const RUNS_OF_A_LEVEL = 40
/** Digits of the number of a row; a document of 64 MiB has fewer rows. */
const NUMBER_DIGITS = 9

/**
 * The rows of a document, which come in any order and are read in the order of a snapshot, any number of times. They
 * are kept as packed runs of sorted blocks, so that a row takes some 30 bytes; reading merges the runs.
 */
export class RowRuns implements Iterable<MappedRow> {
  readonly counts: Readonly<Record<TableName, number>>
  private readonly taken: Record<TableName, number> = {
    flag_registry: 0,
    tenant_override: 0,
    user_override: 0,
  }
  private readonly packing: TextPacking
  /** Runs by the number of merges behind them. */
  private readonly levels: Run[][] = [[]]
  private open: string[] = []
  private rows = 0

  constructor(packing: TextPacking) {
    this.packing = packing
    this.counts = this.taken
  }

  /** Number of rows of all tables. */
  get count(): number {
    return this.rows
  }

  /** @param at JSON pointer into the file, for a row that is repeated */
  add(row: MappedRow, at: string): void {
    this.open.push(formatRecord(row, this.rows, at))
    this.rows += 1
    this.taken[row.table] += 1
    if (this.open.length === BLOCK_ROWS) this.seal()
  }

  /** In the order of a snapshot; rows of one key in the order in which they came. */
  *[Symbol.iterator](): Generator<MappedRow> {
    for (const record of this.readRecords()) yield parseRecord(record).row
  }

  /** Each row whose key an earlier row has, as it is found; null in between, so that a long search can pause. */
  *findRepeats(): Generator<RepeatedRow | null> {
    let [before, count] = [NO_RECORD, 0]
    for (const record of this.readRecords()) {
      if (record.startsWith(getKeyPart(before)))
        yield { ...parseRecord(record), firstAt: parseRecord(before).at }
      before = record
      count += 1
      if (count % PLACES_OF_A_STEP === 0) yield null
    }
  }

  private readRecords(): Generator<string> {
    this.seal()
    return mergeRuns(this.levels.flat(), this.packing)
  }

  /** Packs the open rows as the next block of the last run, or as a run of their own where they come before its end. */
  private seal(): void {
    const block = packBlock(this.open.sort(), this.packing)
    this.open = []
    if (block === null) return
    const [runs] = this.levels as [Run[]]
    const before = runs.at(-1)
    if (before !== undefined && (before.at(-1) as Block).last < block.first) before.push(block)
    else runs.push([block])
    this.mergeLevels()
  }

  private mergeLevels(): void {
    for (const [level, runs] of this.levels.entries()) {
      if (runs.length < RUNS_OF_A_LEVEL) return
      this.levels[level] = []
      this.levels[level + 1] ??= []
      this.levels[level + 1]?.push(packRun(mergeRuns(runs, this.packing), this.packing))
    }
  }
}

/** Sorted records. */
interface Block {
  readonly first: string
  readonly last: string
  readonly packed: Uint8Array
}
/** Blocks in order; at least one. */
type Run = Block[]

function packBlock(sorted: readonly string[], { pack }: TextPacking): Block | null {
  const [first, last] = [sorted[0], sorted.at(-1)]
  if (first === undefined || last === undefined) return null
  return { first, last, packed: pack(sorted.join('\n')) }
}

function packRun(records: Iterable<string>, packing: TextPacking): Run {
  const run: Run = []
  let open: string[] = []
  const close = (): void => {
    const block = packBlock(open, packing)
    if (block !== null) run.push(block)
    open = []
  }
  for (const record of records) {
    open.push(record)
    if (open.length === BLOCK_ROWS) close()
  }
  close()
  return run
}

function* mergeRuns(runs: readonly Run[], packing: TextPacking): Generator<string> {
  let cursors = runs.map((run) => new RunCursor(run, packing))
  while (cursors.length > 0) {
    const [lowest, limit] = findLowest(cursors)
    do yield lowest.take()
    while (lowest.head !== undefined && (limit === undefined || lowest.head < limit))
    if (lowest.head === undefined) cursors = cursors.filter((one) => one !== lowest)
  }
}

class RunCursor {
  /** The next record; undefined at the end. */
  head: string | undefined
  private readonly run: Run
  private readonly packing: TextPacking
  private block: readonly string[] = []
  private nextBlock = 0
  private at = 0

  constructor(run: Run, packing: TextPacking) {
    this.run = run
    this.packing = packing
    this.head = run[0]?.first
  }

  /** The next record. Unpacks a block no sooner than its records are taken. */
  take(): string {
    const { head = '' } = this
    if (this.at === this.block.length) this.load()
    this.at += 1
    if (this.at === this.block.length) this.load()
    this.head = this.block[this.at]
    return head
  }

  private load(): void {
    const block = this.run[this.nextBlock]
    this.block = block === undefined ? [] : this.packing.unpack(block.packed).split('\n')
    this.nextBlock += 1
    this.at = 0
  }
}

/** The cursor with the lowest record, and the lowest record of the others. */
function findLowest(cursors: readonly RunCursor[]): readonly [RunCursor, string | undefined] {
  let [lowest, limit] = [cursors[0] as RunCursor, undefined as string | undefined]
  for (const one of cursors.slice(1)) {
    const [head, least] = [one.head as string, lowest.head as string]
    if (head < least) [lowest, limit] = [one, least]
    else if (limit === undefined || head < limit) limit = head
  }
  return [lowest, limit]
}

/**
 * A row as one text whose order by UTF-16 units is that of a snapshot: table, scope id and flag key, which are visible
 * ASCII, each with a tab behind it; then its number, its place, and its line, which hold neither tab nor line feed.
 */
const formatRecord = ({ table, key, line }: MappedRow, number: number, at: string): string =>
  `${TABLE_NAMES.indexOf(table)}${key.scope_id ?? ''}\t${key.flag_key}\t${String(number).padStart(NUMBER_DIGITS, '0')}${JSON.stringify(at)}\t${line}`

/** Of no table, so that no record shares its key. */
const NO_RECORD = '-\t\t'

/** The part of a record that rows of one key share. */
const getKeyPart = (record: string): string =>
  record.slice(0, record.indexOf('\t', record.indexOf('\t') + 1) + 1)

function parseRecord(record: string): { readonly row: MappedRow; readonly at: string } {
  const scopeEnd = record.indexOf('\t')
  const flagEnd = record.indexOf('\t', scopeEnd + 1)
  const placeEnd = record.indexOf('\t', flagEnd + 1)
  const table = TABLE_NAMES[Number(record.charAt(0))] as TableName
  const scope_id = table === 'flag_registry' ? null : record.slice(1, scopeEnd)
  const key = { scope_id, flag_key: record.slice(scopeEnd + 1, flagEnd) }
  return {
    row: { table, key, line: record.slice(placeEnd + 1) },
    at: JSON.parse(record.slice(flagEnd + 1 + NUMBER_DIGITS, placeEnd)) as string,
  }
}
