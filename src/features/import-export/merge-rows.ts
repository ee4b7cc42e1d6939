import { compareRowLines, readLineKey, type RowLine } from '../../core/row-format/row-line.ts'
import { type TableName, TABLE_NAMES } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { RowBatch, RowSource } from '../../ports/rows.ts'

/** One row of a side: its table, its key and its line without the newline. */
export interface MergedLine extends RowLine {
  readonly line: string
  /** Whether the row before it has the same key. */
  readonly repeated: boolean
}
export type SideName = 'baseline' | 'candidate'

/** Receives the rows of two sides in order. A method that returns false ends the merge. */
export interface MergeVisitor {
  /** Rows that are the same bytes on both sides. @param uncertain the lines that neither side validated */
  same(table: TableName, count: number, uncertain: readonly string[]): boolean
  /** The same key with different bytes. */
  pair(baseline: MergedLine, candidate: MergedLine): boolean
  /** A key that the other side does not have. */
  only(side: SideName, row: MergedLine): boolean
  /** Work that the merge awaits before it continues; undefined if there is none. */
  pending?(): Promise<void> | undefined
}

/**
 * Merges two sides that are sorted by key, with one batch of each in memory, and reports to the visitor: runs of
 * equal rows, pairs that differ, and rows of one side. Returns early when a visitor method returns false, and awaits
 * `pending` after each step; ends both iterations in any case. Compares equal bytes many rows at a time, without
 * parsing each row. A repeated key is marked, not refused.
 *
 * @throws FfError `store_corrupt` for a row out of order or without a key; inside a run of equal rows only the last
 *   row is checked. Also errors of the sources and of the visitor
 */
export async function mergeRows(
  baseline: Pick<RowSource, 'lines'>,
  candidate: Pick<RowSource, 'lines'>,
  visitor: MergeVisitor,
): Promise<void> {
  const left = new Cursor(baseline.lines(), 'baseline')
  const right = new Cursor(candidate.lines(), 'candidate')
  try {
    for (;;) {
      if (left.isExhausted || right.isExhausted) await Promise.all([left.load(), right.load()])
      if (left.batch === null && right.batch === null) return
      if (!step(left, right, visitor)) return
      const pending = visitor.pending?.()
      if (pending !== undefined) await pending
    }
  } finally {
    await Promise.all([left.end(), right.end()])
  }
}

/** Merges the next run of equal rows or the next difference. @returns false if the visitor ends the merge */
function step(left: Cursor, right: Cursor, visitor: MergeVisitor): boolean {
  if (left.batch?.table !== right.batch?.table)
    return visitor.only(...takeUnmatchedRow(left, right))
  const length = Math.min(left.left, right.left)
  return left.equals(right, length)
    ? skip(left, right, { length, visitor })
    : visitFirstDifference(left, right, visitor)
}

/** Takes a row from the side whose table comes first; the other side has no more rows of that table. */
function takeUnmatchedRow(left: Cursor, right: Cursor): readonly [SideName, MergedLine] {
  const rank = ({ batch }: Cursor): number =>
    batch === null ? TABLE_NAMES.length : TABLE_NAMES.indexOf(batch.table)
  const cursor = rank(left) < rank(right) ? left : right
  return [cursor.side, cursor.take()]
}

/** Visits the equal lines up to the first difference, then the difference. */
function visitFirstDifference(left: Cursor, right: Cursor, visitor: MergeVisitor): boolean {
  let length = 0
  for (;;) {
    const [a, b] = [left.lineEnd(length), right.lineEnd(length)]
    if (a !== b || !left.equals(right, a)) break
    length = a
  }
  if (length > 0 && !skip(left, right, { length, visitor })) return false
  const order = compareRowLines(left.peek(), right.peek())
  if (order === 0) return visitor.pair(left.take(), right.take())
  const cursor = order < 0 ? left : right
  return visitor.only(cursor.side, cursor.take())
}

interface Region {
  /** In bytes; ends at the end of a line. */
  readonly length: number
  readonly visitor: MergeVisitor
}
/** Passes a region that is the same on both sides and reports its rows. */
function skip(left: Cursor, right: Cursor, { length, visitor }: Region): boolean {
  const table = left.table
  const { count, uncertain } = left.isValidated ? left.describe(length) : right.describe(length)
  left.passLines(length)
  right.passLines(length)
  return visitor.same(table, count, uncertain)
}

const NEWLINE = 0x0a

/** Position in one side. */
class Cursor {
  readonly side: SideName
  batch: RowBatch | null = null
  private readonly batches: AsyncIterator<RowBatch>
  private at = 0
  /** Number of entries of `unsure` that lie before `at`. */
  private passed = 0
  private head: MergedLine | null = null
  private before: RowLine | null = null
  private ended = false

  constructor(lines: AsyncIterable<RowBatch>, side: SideName) {
    this.batches = lines[Symbol.asyncIterator]()
    this.side = side
  }

  /** Whether the loaded batch is used up and the source may have another one. */
  get isExhausted(): boolean {
    return !this.ended && (this.batch === null || this.at >= this.batch.bytes.length)
  }

  /** Loads the batch with the next line; leaves `batch` null at the end of the source. */
  async load(): Promise<void> {
    while (this.isExhausted) {
      const { value, done } = await this.batches.next()
      this.ended = done === true
      this.batch = done === true ? null : value
      this.at = 0
      this.passed = 0
    }
  }

  /** Closes the source, also in the middle. */
  async end(): Promise<void> {
    await this.batches.return?.()
  }

  get table(): TableName {
    return this.loaded.table
  }
  /** Loaded bytes after the position. */
  get left(): number {
    return this.loaded.bytes.length - this.at
  }
  /** Whether the source validated its rows and lists the lines in doubt. */
  get isValidated(): boolean {
    return this.loaded.unsure !== null
  }

  equals(other: Cursor, length: number): boolean {
    const { bytes } = this.loaded
    return (
      bytes.compare(other.loaded.bytes, other.at, other.at + length, this.at, this.at + length) ===
      0
    )
  }

  /** End of the line that begins `from` bytes after the position, newline included; in bytes after the position. */
  lineEnd(from: number): number {
    return this.loaded.bytes.indexOf(NEWLINE, this.at + from) + 1 - this.at
  }

  /** The number of lines in the next bytes, and the lines that still need validation. */
  describe(length: number): { readonly count: number; readonly uncertain: readonly string[] } {
    const { bytes, unsure } = this.loaded
    const end = this.at + length
    if (unsure === null) {
      const uncertain = bytes.toString('utf8', this.at, end).split('\n').slice(0, -1)
      return { count: uncertain.length, uncertain }
    }
    let count = 0
    for (
      let at = bytes.indexOf(NEWLINE, this.at);
      at >= 0 && at < end;
      at = bytes.indexOf(NEWLINE, at + 1)
    )
      count += 1
    const uncertain = unsure
      .slice(this.passed)
      .filter((offset) => offset < end)
      .map((offset) => bytes.toString('utf8', offset, bytes.indexOf(NEWLINE, offset)))
    return { count, uncertain }
  }

  pass(length: number): void {
    this.at += length
    this.head = null
    const { unsure } = this.loaded
    while (unsure !== null && (unsure[this.passed] ?? Infinity) < this.at) this.passed += 1
  }

  /** Passes whole lines without parsing them, and keeps the key of the last one for the check of the order. */
  passLines(length: number): void {
    const { table, bytes } = this.loaded
    const end = this.at + length - 1
    const start = Math.max(this.at, bytes.lastIndexOf(NEWLINE, end - 1) + 1)
    this.before = readLineKey(table, bytes.toString('utf8', start, end)) ?? this.before
    this.pass(length)
  }

  /** The next row, parsed as far as its key. */
  peek(): MergedLine {
    if (this.head !== null) return this.head
    const { table, bytes } = this.loaded
    const line = bytes.toString('utf8', this.at, bytes.indexOf(NEWLINE, this.at))
    const read = readLineKey(table, line)
    if (read === null) throw makeCorruptError(this.side, `${table} has a row without a key`)
    const order = this.before === null ? -1 : compareRowLines(this.before, read)
    if (order > 0) throw makeCorruptError(this.side, `${table} is not sorted by its key`)
    this.before = read
    this.head = { ...read, line, repeated: order === 0 }
    return this.head
  }

  take(): MergedLine {
    const row = this.peek()
    this.pass(this.lineEnd(0))
    return row
  }

  private get loaded(): RowBatch {
    if (this.batch === null) throw new Error('read past the end of a side')
    return this.batch
  }
}

const makeCorruptError = (side: SideName, what: string): FfError =>
  new FfError('store_corrupt', `Cannot read the rows of the ${side}: ${what}.`, {
    hint: 'A store holds its rows sorted by key; restore it from its last good copy.',
  })
