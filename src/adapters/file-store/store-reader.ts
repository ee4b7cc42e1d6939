import type { AuditPage, AuditQuery } from '../../core/audit/audit-page.ts'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type { AnyRow, RowOrBroken, RowsOfFlag } from '../../core/rows/rows.ts'
import type {
  BulkQuery,
  FlagEntry,
  KeyedRow,
  OverrideQuery,
  RowQuery,
  ServiceStore,
  SinkBacklog,
} from '../../ports/store.ts'
import { findRevision } from './log-history.ts'
import type { RowIndex } from './row-index.ts'
import { SinkReader } from './sink-reader.ts'
import { toStoreError } from './store-error.ts'

/** Reads a file store: its acknowledged rows from memory, its audit records and earlier revisions from its log. */
export abstract class StoreReader {
  readonly kind = 'file'
  protected readonly folder: string
  private readonly sink: SinkReader
  /** The acknowledged rows. */
  protected abstract readonly index: RowIndex
  /** The last acknowledged audit record. */
  protected abstract readonly head: AuditChainHead

  constructor(folder: string) {
    this.folder = folder
    this.sink = new SinkReader(folder)
  }

  /**
   * The acknowledged rows of one flag, from memory: null for a missing row or an id of null, `broken` for an invalid
   * one.
   */
  read(query: RowQuery): Promise<RowsOfFlag> {
    return Promise.resolve(this.index.read(query))
  }

  /** As `read`, for several flags in the order of `flag_keys`. */
  readMany({ flag_keys, ...ids }: BulkQuery): Promise<readonly RowsOfFlag[]> {
    const { index } = this
    return Promise.resolve(flag_keys.map((flag_key) => index.read({ flag_key, ...ids })))
  }

  /**
   * Lists at most `limit` flags with a key after `after` (null: from the first), in byte order; invalid rows included.
   */
  page({ after, limit }: Parameters<ServiceStore['page']>[0]): Promise<readonly FlagEntry[]> {
    return Promise.resolve(this.index.page(after, limit))
  }

  /** Lists live overrides from memory, invalid ones included; looks at each override of the table. */
  overrides(query: OverrideQuery): Promise<readonly KeyedRow[]> {
    return this.index.overrides(query)
  }

  /**
   * Lists acknowledged audit records, newest first, from at most 32 MiB of the log.
   *
   * @throws FfError `store_corrupt` for a record that is missing or was changed, or another of `toStoreError`
   */
  audit(query: AuditQuery): Promise<AuditPage> {
    return this.sink.page(this.head, query)
  }

  /** How many acknowledged audit records are not delivered. @throws FfError of `toStoreError` */
  sinkBacklog(): Promise<SinkBacklog> {
    return this.sink.count(() => this.head)
  }

  /**
   * The row as it was at one of its revisions; null where the newest 128 MiB of the log do not hold it.
   *
   * @throws FfError as `audit`
   */
  revision(query: Parameters<ServiceStore['revision']>[0]): Promise<RowOrBroken<AnyRow> | null> {
    return findRevision(this.folder, this.head, query).catch((error: unknown) => {
      throw toStoreError(error, this.folder)
    })
  }

  /** The number and hash of the last acknowledged audit record. */
  auditHead(): Promise<AuditChainHead> {
    return Promise.resolve(this.head)
  }
}
