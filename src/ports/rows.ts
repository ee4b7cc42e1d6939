import type { AuditEvent, AuditChainHead } from '../core/audit/record.ts'
import type { RowKey, TableName } from '../core/rows/rows.ts'
import type { SideFacts } from './store.ts'

/**
 * Rows of one table as lines of a snapshot: `{"row":...,"table":"..."}` and a line feed each
 * (docs/reference/file-store.md).
 */
export interface RowBatch {
  readonly table: TableName
  readonly bytes: Buffer
  /** Byte offsets of the lines not yet checked against the row schema; null where none was checked. */
  readonly unsure: readonly number[] | null
}

/** A fault of a whole row source, not of one row. */
export interface SourceFault {
  readonly code: 'column_unknown' | 'column_missing' | 'digest_wrong' | 'count_wrong'
  readonly detail: string
}

/** All stored rows of a side in one snapshot, valid or not: read only, and without the writer's lock. */
export interface RowSource {
  readonly facts: SideFacts
  /** Identifies the store independently of its address, so that two targets can be compared. Never shown. */
  readonly identity: string
  /** Rows by table as the store counts them; approximate for a file that is being written to. */
  readonly counts: Readonly<Record<TableName, number>>
  /** The end of the audit chain, and the epoch of the store. */
  readonly head: AuditChainHead
  readonly epoch: number
  /**
   * Every row, ordered by table, scope id and flag key as bytes; to be read once.
   * @throws FfError `store_corrupt`, `backing_unavailable` and other errors of the store; discard the rows read so far
   */
  lines(): AsyncIterable<RowBatch>
  /** The faults of the source; complete once all lines were read. */
  faults(): readonly SourceFault[]
  /** The current lines under these keys, without line feed, read outside the snapshot. */
  lookup(table: TableName, keys: readonly RowKey[]): Promise<readonly string[]>
  close(): Promise<void>
}

/** One row for a database: a text per column in the order of the DDL; null is SQL NULL. */
export type ColumnTexts = readonly (string | null)[]

/** Merges rows into a database, under the import lock. */
export interface RowSink {
  /**
   * Inserts new rows and updates those with a lower stored revision, in one transaction. A row with the same or a higher
   * stored revision stays, also one that another writer stores meanwhile.
   *
   * @throws FfError `row_refused` where the database rejects a row; then no row of this call is written
   */
  merge(
    table: TableName,
    rows: readonly ColumnTexts[],
  ): Promise<{ readonly inserted: number; readonly updated: number }>
  /** Appends a boundary record to the audit chain, unless it has one with this target. */
  record(event: BoundaryEvent): Promise<void>
}

/** Content of a boundary record, the audit record that marks a whole import; `phase` is `file` by default. */
export type BoundaryEvent = Pick<AuditEvent, 'target' | 'after' | 'request_id'> &
  Partial<Pick<AuditEvent, 'phase'>>
