import { compareRowLines, readLineKey, type RowLine } from '../../core/row-format/row-line.ts'
import { type TableName, TABLE_NAMES } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { RowBatch, RowSource } from '../../ports/rows.ts'

/** One row of a side: what it is about, and its line without the newline. */
export interface MergedLine extends RowLine {
  readonly line: string
  /** Whether the row before it has the same key. */
  readonly repeated: boolean
}
export type SideName = 'baseline' | 'candidate'

/** What two sides come to, row by row. Returning false ends the merge. */
export interface MergeVisitor {
  /** Rows that are the same bytes on both sides. @param uncertain those of them that nobody held to page 1 */
  same(table: TableName, count: number, uncertain: readonly string[]): boolean
  /** One key, other bytes. */
  pair(baseline: MergedLine, candidate: MergedLine): boolean
  /** A key that the other side has not. */
  only(side: SideName, row: MergedLine): boolean
  /** Work of the visitor that the walk waits for before it goes on; undefined where there is none. */
  pending?(): Promise<void> | undefined
}

/**
 * Walks two sides by key, in one pass and with a batch of each in memory. What is equal is compared as
 * bytes, many rows at a time, and never taken apart.
 *
 * @throws FfError `store_corrupt` where a side is not sorted, or has a row without a key
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
      if (left.spent || right.spent) await Promise.all([left.load(), right.load()])
      if (left.batch === null && right.batch === null) return
      if (!step(left, right, visitor)) return
      const pending = visitor.pending?.()
      if (pending !== undefined) await pending
    }
  } finally {
    await Promise.all([left.end(), right.end()])
  }
}

/** As far as one look goes. @returns false where the visitor wants no more */
function step(left: Cursor, right: Cursor, visitor: MergeVisitor): boolean {
  if (left.batch?.table !== right.batch?.table) return visitor.only(...alone(left, right))
  const length = Math.min(left.left, right.left)
  return left.equals(right, length)
    ? skip(left, right, { length, visitor })
    : firstDifference(left, right, visitor)
}

/** Where one side has a table, or rows of it, that the other has come past. */
function alone(left: Cursor, right: Cursor): readonly [SideName, MergedLine] {
  const rank = ({ batch }: Cursor): number =>
    batch === null ? TABLE_NAMES.length : TABLE_NAMES.indexOf(batch.table)
  const cursor = rank(left) < rank(right) ? left : right
  return [cursor.side, cursor.take()]
}

/** The equal lines up to the first that differs, and that one. */
function firstDifference(left: Cursor, right: Cursor, visitor: MergeVisitor): boolean {
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
  /** In bytes; it ends with a line. */
  readonly length: number
  readonly visitor: MergeVisitor
}
/** Passes what is the same on both sides. */
function skip(left: Cursor, right: Cursor, { length, visitor }: Region): boolean {
  const table = left.table
  const { count, uncertain } = left.looked ? left.describe(length) : right.describe(length)
  left.passLines(length)
  right.passLines(length)
  return visitor.same(table, count, uncertain)
}

const NEWLINE = 0x0a

/** Where one side stands. */
class Cursor {
  readonly side: SideName
  batch: RowBatch | null = null
  private readonly batches: AsyncIterator<RowBatch>
  private at = 0
  /** Of `unsure`, how many lie behind. */
  private passed = 0
  private head: MergedLine | null = null
  private before: RowLine | null = null
  private ended = false

  constructor(lines: AsyncIterable<RowBatch>, side: SideName) {
    this.batches = lines[Symbol.asyncIterator]()
    this.side = side
  }

  /** Whether there is nothing loaded, and more may come. */
  get spent(): boolean {
    return !this.ended && (this.batch === null || this.at >= this.batch.bytes.length)
  }

  /** Loads the batch that the next line is in; none is left at the end. */
  async load(): Promise<void> {
    while (this.spent) {
      const { value, done } = await this.batches.next()
      this.ended = done === true
      this.batch = done === true ? null : value
      this.at = 0
      this.passed = 0
    }
  }

  /** Stops the source where it was left in the middle. */
  async end(): Promise<void> {
    await this.batches.return?.()
  }

  get table(): TableName {
    return this.loaded.table
  }
  /** Bytes that are loaded and not passed. */
  get left(): number {
    return this.loaded.bytes.length - this.at
  }
  /** Whether the source itself held its rows to page 1. */
  get looked(): boolean {
    return this.loaded.unsure !== null
  }

  equals(other: Cursor, length: number): boolean {
    const { bytes } = this.loaded
    return (
      bytes.compare(other.loaded.bytes, other.at, other.at + length, this.at, this.at + length) ===
      0
    )
  }

  /** Where the line ends that begins `from` bytes further on, its newline included. */
  lineEnd(from: number): number {
    return this.loaded.bytes.indexOf(NEWLINE, this.at + from) + 1 - this.at
  }

  /** How many lines the next bytes are, and which of them take a closer look. */
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

  /** Passes whole lines that were not taken apart; the last of them is what the next one follows. */
  passLines(length: number): void {
    const { table, bytes } = this.loaded
    const end = this.at + length - 1
    const start = Math.max(this.at, bytes.lastIndexOf(NEWLINE, end - 1) + 1)
    this.before = readLineKey(table, bytes.toString('utf8', start, end)) ?? this.before
    this.pass(length)
  }

  /** The next row, taken apart as far as its key. */
  peek(): MergedLine {
    if (this.head !== null) return this.head
    const { table, bytes } = this.loaded
    const line = bytes.toString('utf8', this.at, bytes.indexOf(NEWLINE, this.at))
    const read = readLineKey(table, line)
    if (read === null) throw corrupt(this.side, `${table} has a row without a key`)
    const order = this.before === null ? -1 : compareRowLines(this.before, read)
    if (order > 0) throw corrupt(this.side, `${table} is not sorted by its key`)
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
    if (this.batch === null) throw new Error('a side that has ended is asked for more')
    return this.batch
  }
}

const corrupt = (side: SideName, what: string): FfError =>
  new FfError('store_corrupt', `The ${side} cannot be walked through: ${what}.`, {
    hint: 'A store keeps its rows sorted, each under its key; restore it from its last good copy.',
  })
