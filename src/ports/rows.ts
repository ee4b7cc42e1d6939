import type { AuditEvent, AuditChainHead } from '../core/audit/record.ts'
import type { RowKey, TableName } from '../core/rows/rows.ts'
import type { SideFacts } from './store.ts'

/** Lines of rows, each `{"row":...,"table":"..."}` and a newline as a snapshot has them (page 9), all of one table. */
export interface RowBatch {
  readonly table: TableName
  readonly bytes: Buffer
  /** Offsets of the lines that nobody has held to page 1 yet; null where none was looked at. */
  readonly unsure: readonly number[] | null
}

/** What is wrong with a source as a whole, rather than with a row. */
export interface SourceFault {
  readonly code: 'column_unknown' | 'column_missing' | 'digest_wrong' | 'count_wrong'
  readonly detail: string
}

/** All stored rows of a side as they are, in one consistent snapshot: read only, and without the writer's lock. */
export interface RowSource {
  readonly facts: SideFacts
  /** Which store this is, by whatever name it was reached; shown to nobody. */
  readonly identity: string
  /** How many rows it says that it holds; of a file that is being written to, at least about so many. */
  readonly counts: Readonly<Record<TableName, number>>
  /** The end of its audit chain, and its epoch (page 9). */
  readonly head: AuditChainHead
  readonly epoch: number
  /**
   * Every row by table, scope id and flag key, in bytes; once.
   * @throws FfError `store_corrupt`, `backing_unavailable` and the like: what was said until then is worth nothing
   */
  lines(): AsyncIterable<RowBatch>
  /** Known when the lines are through. */
  faults(): readonly SourceFault[]
  /** The lines, without their newline, that stand under these keys by now, outside the snapshot. */
  lookup(table: TableName, keys: readonly RowKey[]): Promise<readonly string[]>
  close(): Promise<void>
}

/** One row on its way into a database: a text for each column in the order of the DDL, null where it has none. */
export type ColumnTexts = readonly (string | null)[]

/** Where rows are merged into. One at a time holds the lock. */
export interface RowSink {
  /**
   * Writes rows that are new, and those whose revision is past what is there, in one transaction; a newer
   * row is never overwritten, whoever wrote it meanwhile.
   *
   * @throws FfError `row_refused` where the database takes a row not; then nothing of this call is written
   */
  merge(
    table: TableName,
    rows: readonly ColumnTexts[],
  ): Promise<{ readonly inserted: number; readonly updated: number }>
  /** Writes a boundary record at the end of the audit chain, unless one of this target is there. */
  record(event: BoundaryEvent): Promise<void>
}

/** What a boundary record says of what crossed it (page 5). */
export type BoundaryEvent = Pick<AuditEvent, 'target' | 'after' | 'request_id'>
