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

/** A chunk is one transaction: its locks are held for some tenths of a second. */
const CHUNK_ROWS = 5_000
/** Of a table; the count says how many there are. */
const MOST_FINDINGS = 1_000

/** What came of the rows of one table. */
export interface TableImport {
  rows: number
  inserted: number
  updated: number
  /** Rows that stand in the database as they are in the source. */
  same: number
  /** Rows whose revision in the database is past that of the source. */
  newer: number
  /** Rows of the database that the source has not. */
  extra: number
  /** Rows that were sent, or would be. */
  writes: number
  readonly findings: RowFinding[]
}
const none = (): TableImport => ({
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

/** Decides of each row of the source what becomes of it; the source is the baseline of the walk. */
export class ImportVisitor implements MergeVisitor {
  readonly tables: Readonly<Record<TableName, TableImport>> = {
    flag_registry: none(),
    tenant_override: none(),
    user_override: none(),
  }
  rows = 0
  refused = 0
  private readonly sink: RowSink | null
  private readonly options: ImportOptions
  /** Of every flag of either side, the type of its values. */
  private readonly types = new Map<string, string>()
  /** What waits to be sent, in the order of the tables. */
  private chunks: Chunk[] = []
  private readonly sequence = new LineSequence()

  /** @param sink null where nothing is to be written */
  constructor(sink: RowSink | null, options: ImportOptions) {
    this.sink = sink
    this.options = options
  }

  get writes(): number {
    return Object.values(this.tables).reduce((all, { writes }) => all + writes, 0)
  }

  /** What the database holds, its flags noted as they come by: an override may be of one that only it has. */
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

  same(table: TableName, count: number, uncertain: readonly string[]): boolean {
    const counts = this.tables[table]
    counts.same += count
    this.count(table, count)
    for (const line of uncertain) this.refuse(table, this.sequence.findings(table, line))
    return this.goesOn()
  }

  pair(source: MergedLine, held: MergedLine): boolean {
    const { table, key } = source
    const counts = this.tables[table]
    this.count(table, 1)
    const row = this.judged(source)
    const there = parseImportRow(table, held.line)
    const revision = there.ok ? there.row.revision : getRevision(held.line)
    if (row === null) return this.goesOn()
    if (row.revision > revision) this.write(table, row)
    else if (row.revision < revision) {
      counts.newer += 1
      this.noteFlag(there, table)
      this.stays(held)
    } else {
      const differing = findPairDifferences(key, [source.line, held.line], compareJson)
      if (differing.length === 0) counts.same += 1
      else
        this.refuse(
          table,
          differing.map((one) => ({ ...one, code: 'revision_conflict' })),
        )
    }
    return this.goesOn()
  }

  only(side: SideName, held: MergedLine): boolean {
    const { table } = held
    if (side === 'candidate') {
      this.tables[table].extra += 1
      this.stays(held)
      return this.goesOn()
    }
    this.count(table, 1)
    const row = this.judged(held)
    if (row !== null) this.write(table, row)
    return this.goesOn()
  }

  /** A chunk that is full, or followed by one of another table, goes out before the walk goes on. */
  pending(): Promise<void> | undefined {
    const full = this.chunks.length > 1 || (this.chunks[0]?.rows.length ?? 0) >= CHUNK_ROWS
    return full ? this.finish() : undefined
  }

  /** Sends what is waiting. */
  async finish(): Promise<void> {
    const { chunks, sink } = this
    this.chunks = []
    if (sink === null) return
    for (const { table, rows } of chunks) {
      const { inserted, updated } = await sink.merge(table, rows)
      const counts = this.tables[table]
      counts.inserted += inserted
      counts.updated += updated
      // Somebody was faster, with a newer one.
      counts.newer += rows.length - inserted - updated
    }
  }

  private goesOn(): boolean {
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
    held.push(...findings.slice(0, Math.max(0, MOST_FINDINGS - held.length)))
  }

  /** The row, or null where it is refused, which is noted. */
  private judged({ table, key, line, repeated }: MergedLine): ImportRow | null {
    if (repeated) this.refuse(table, [makeRepeatedFinding(key)])
    const read = parseImportRow(table, line)
    if (!read.ok) {
      this.refuse(table, makeBrokenFindings(key, read.problems, null))
      return null
    }
    this.noteFlag(read, table)
    const wrong = this.misfits(table, key, read.row)
    if (wrong === null) return read.row
    this.refuse(table, makeBrokenFindings(key, [makeProblem(...wrong)], null))
    return null
  }

  /** What a row says that its flag does not allow (page 1, state). */
  private misfits(
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

  /** A row that the database keeps must go with its flag as it will be (page 1, `type_in_use`). */
  private stays({ table, key, line }: MergedLine): void {
    if (table === 'flag_registry') return
    const read = parseImportRow(table, line)
    const wrong = read.ok ? this.misfits(table, key, read.row) : null
    if (wrong === null) return
    const detail = 'stands in the database, and its flag would be of another type'
    this.refuse(table, [
      { code: 'type_in_use', pointer: `${formatRowPointer(key)}${wrong[1]}`, detail },
    ])
  }

  /** Told of every flag that stands, or will. */
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

/** Of a row that breaks page 1; no number where it has none, which is past none and before none. */
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
