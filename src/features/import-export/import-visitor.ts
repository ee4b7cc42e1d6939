import { compareJson } from '../../core/parity/compare.ts'
import { makeProblem, type ProblemCode } from '../../core/problem.ts'
import { isJsonNumber } from '../../core/json/read.ts'
import { type ImportRow, parseImportRow } from '../../core/row-format/column-texts.ts'
import { getMember, parseRowLine } from '../../core/row-format/row-line.ts'
import { type RowKey, type TableName, detectValueType } from '../../core/rows/rows.ts'
import type { CanonicalJson } from '../../core/json/canonical.ts'
import type { ColumnTexts, RowSink, RowSource } from '../../ports/rows.ts'
import type { MergedLine, MergeVisitor, SideName } from './merge-rows.ts'
import {
  makeBrokenFindings,
  LineSequence,
  findPairDifferences,
  makeRepeatedFinding,
  type RowFinding,
  formatRowPointer,
} from './row-report.ts'

/** Rows of one transaction; bounds the time that its locks are held to some tenths of a second. */
const CHUNK_ROWS = 2_500
/** Findings kept for each table; `refused` counts all of them. */
const MAX_FINDINGS = 1_000

/** Result of the rows of one table. */
export interface TableImport {
  rows: number
  inserted: number
  updated: number
  /** Rows that are equal in the source and the database. */
  same: number
  /** Rows with a higher revision in the database than in the source. */
  newer: number
  /** Rows of the database that the source does not have. */
  extra: number
  /** Rows that are sent, or in a dry run would be. */
  writes: number
  readonly findings: RowFinding[]
}
const makeEmptyResult = (): TableImport => ({
  rows: 0,
  inserted: 0,
  updated: 0,
  same: 0,
  newer: 0,
  extra: 0,
  writes: 0,
  findings: [],
})

interface ImportOptions {
  readonly stopped: () => boolean
  readonly progress: (rows: number) => void
}

/**
 * Decides for each row of the source: write, keep or refuse. The source is the baseline of the merge. `refused` counts
 * all findings; `tables` holds the counts of each table and its first 1,000 findings. Without a sink nothing is sent,
 * and only `writes` counts the rows to write.
 */
export class ImportVisitor implements MergeVisitor {
  readonly tables: Readonly<Record<TableName, TableImport>> = {
    flag_registry: makeEmptyResult(),
    tenant_override: makeEmptyResult(),
    user_override: makeEmptyResult(),
  }
  rows = 0
  refused = 0
  private readonly sink: RowSink | null
  private readonly options: ImportOptions
  /** Value type by flag key, for the flags of both sides. */
  private readonly types = new Map<string, string>()
  /** Rows that wait to be sent, in the order of the tables. */
  private chunks: Chunk[] = []
  private readonly sequence = new LineSequence()

  /** @param sink null in a dry run */
  constructor(sink: RowSink | null, options: ImportOptions) {
    this.sink = sink
    this.options = options
  }

  /** Rows of all tables that are sent, or in a dry run would be. */
  get writes(): number {
    return Object.values(this.tables).reduce((all, { writes }) => all + writes, 0)
  }

  /**
   * The lines of the database, unchanged; while they are read, notes the value type of each flag, because an override
   * may name a flag that only the database has.
   */
  seeFlags(held: RowSource): Pick<RowSource, 'lines'> {
    const note = (line: string): void =>
      this.noteFlag(parseImportRow('flag_registry', line), 'flag_registry')
    return {
      lines: async function* () {
        for await (const batch of held.lines()) {
          if (batch.table === 'flag_registry')
            for (const line of batch.bytes.toString('utf8').split('\n').slice(0, -1)) note(line)
          yield batch
        }
      },
    }
  }

  /**
   * Counts rows that are the same bytes on both sides, and refuses each `uncertain` line that is invalid, repeated or
   * out of order. @returns false once the run is stopped
   */
  same(table: TableName, count: number, uncertain: readonly string[]): boolean {
    const counts = this.tables[table]
    counts.same += count
    this.count(table, count)
    for (const line of uncertain) this.refuse(table, this.sequence.findings(table, line))
    return this.shouldContinue()
  }

  /**
   * Queues the row for writing if its revision is higher than that in the database, and keeps the stored row if it is
   * lower. Refuses an invalid row, and one of the same revision with other fields (`revision_conflict`). @returns
   * false once the run is stopped
   */
  pair(source: MergedLine, held: MergedLine): boolean {
    const { table, key } = source
    const counts = this.tables[table]
    this.count(table, 1)
    const row = this.validateRow(source)
    const stored = parseImportRow(table, held.line)
    const revision = stored.ok ? stored.row.revision : getRevision(held.line)
    if (row === null) return this.shouldContinue()
    if (row.revision > revision) this.write(table, row)
    else if (row.revision < revision) {
      counts.newer += 1
      this.noteFlag(stored, table)
      this.checkKeptRow(held)
    } else {
      const differing = findPairDifferences(key, [source.line, held.line], compareJson)
      if (differing.length === 0) counts.same += 1
      else
        this.refuse(
          table,
          differing.map((one) => ({ ...one, code: 'revision_conflict' })),
        )
    }
    return this.shouldContinue()
  }

  /**
   * Queues a row that only the source has, unless it is invalid; counts one that only the database has as `extra`, and
   * refuses it if the import would change the type of its flag (`type_in_use`). @returns false once the run is stopped
   */
  only(side: SideName, held: MergedLine): boolean {
    const { table } = held
    if (side === 'candidate') {
      this.tables[table].extra += 1
      this.checkKeptRow(held)
      return this.shouldContinue()
    }
    this.count(table, 1)
    const row = this.validateRow(held)
    if (row !== null) this.write(table, row)
    return this.shouldContinue()
  }

  /**
   * Sends the queued rows if there are 2,500 of one table, or rows of two tables. @returns undefined if there is
   * nothing to send yet
   */
  pending(): Promise<void> | undefined {
    const full = this.chunks.length > 1 || (this.chunks[0]?.rows.length ?? 0) >= CHUNK_ROWS
    return full ? this.finish() : undefined
  }

  /**
   * Sends all queued rows, one merge for each table, and adds the inserted, updated and newer rows to its counts; in a
   * dry run only drops the queue. @throws errors of the sink
   */
  async finish(): Promise<void> {
    const { chunks, sink } = this
    this.chunks = []
    if (sink === null) return
    for (const { table, rows } of chunks) {
      const { inserted, updated } = await sink.merge(table, rows)
      const counts = this.tables[table]
      counts.inserted += inserted
      counts.updated += updated
      // Another writer stored a newer row after the merge read this one.
      counts.newer += rows.length - inserted - updated
    }
  }

  private shouldContinue(): boolean {
    return !this.options.stopped()
  }

  private count(table: TableName, rows: number): void {
    this.tables[table].rows += rows
    this.rows += rows
    this.options.progress(this.rows)
  }

  private refuse(table: TableName, findings: readonly RowFinding[]): void {
    this.refused += findings.length
    const { findings: held } = this.tables[table]
    held.push(...findings.slice(0, Math.max(0, MAX_FINDINGS - held.length)))
  }

  /** The row; null if it is invalid, after adding the findings. */
  private validateRow({ table, key, line, repeated }: MergedLine): ImportRow | null {
    if (repeated) this.refuse(table, [makeRepeatedFinding(key)])
    const read = parseImportRow(table, line)
    if (!read.ok) {
      this.refuse(table, makeBrokenFindings(key, read.problems, null))
      return null
    }
    this.noteFlag(read, table)
    const wrong = this.findTypeMismatch(table, key, read.row)
    if (wrong === null) return read.row
    this.refuse(table, makeBrokenFindings(key, [makeProblem(...wrong)], null))
    return null
  }

  /** The first problem of a row with its flag: the flag is unknown, or a value has another type. */
  private findTypeMismatch(
    table: TableName,
    { flag_key }: RowKey,
    { values }: ImportRow,
  ): readonly [ProblemCode, string] | null {
    const type = this.types.get(flag_key)
    if (type === undefined) return ['flag_unknown', '/flag_key']
    const names = table === 'flag_registry' ? ['/default_value', '/safe_value'] : ['/value']
    const at = values.findIndex(
      (value) => value !== null && detectValueType(value as CanonicalJson) !== type,
    )
    return at < 0 ? null : ['value_type_mismatch', names[at] ?? '']
  }

  /** Refuses the type of a flag that does not fit a row that the database keeps (`type_in_use`). */
  private checkKeptRow({ table, key, line }: MergedLine): void {
    if (table === 'flag_registry') return
    const read = parseImportRow(table, line)
    const wrong = read.ok ? this.findTypeMismatch(table, key, read.row) : null
    if (wrong === null) return
    const detail = 'the database keeps this row, and the import would change the type of its flag'
    this.refuse(table, [
      { code: 'type_in_use', pointer: `${formatRowPointer(key)}${wrong[1]}`, detail },
    ])
  }

  /** Keeps the type of each flag that exists, or will after the import. */
  private noteFlag(read: ReturnType<typeof parseImportRow>, table: TableName): void {
    if (!read.ok || table !== 'flag_registry') return
    const [flag_key, type] = read.row.texts
    if (flag_key != null && type != null) this.types.set(flag_key, type)
  }

  private write(table: TableName, row: ImportRow): void {
    this.tables[table].writes += 1
    if (this.sink === null) return
    if (this.chunks.at(-1)?.table !== table) this.chunks.push({ table, rows: [] })
    this.chunks.at(-1)?.rows.push(row.texts)
  }
}

/** Revision of an invalid row; NaN if it has none, which is neither above nor below any revision. */
function getRevision(line: string): number {
  const revision = getMember(parseRowLine(line)?.node ?? null, 'revision') ?? null
  return typeof revision === 'object' && revision !== null && isJsonNumber(revision)
    ? Number(revision.lexeme)
    : Number.NaN
}

interface Chunk {
  readonly table: TableName
  readonly rows: ColumnTexts[]
}
