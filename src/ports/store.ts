import type { AuditPage, AuditQuery } from '../core/audit/audit-page.ts'
import type { AnnouncementRequest, AuditChainHead } from '../core/audit/record.ts'
import type { BackingKind } from '../core/evaluate/types.ts'
import type { AuthMode } from '../core/evaluate/types.ts'
import type { ChangeKind, FeedEntry, FeedEpoch } from '../core/feed/types.ts'
import type { Problem } from '../core/problem.ts'
import type {
  AnyRow,
  FlagRow,
  RowKey,
  RowOrBroken,
  RowsByTable,
  RowsOfFlag,
  TableName,
} from '../core/rows/rows.ts'
import type { Instant } from '../core/rows/instant.ts'
import type { WriteRequest } from '../core/rows/write-request.ts'

/** The rows that one evaluation needs. A layer whose id is null is not read. */
export interface RowQuery {
  readonly flag_key: string
  readonly tenant_id: string | null
  readonly user_id: string | null
}

/** Reads the rows of one evaluation. */
export interface FlagReader {
  readonly kind: BackingKind
  /**
   * Reads the rows in one snapshot; a missing row is null.
   * @throws FfError `backing_unavailable` or `store_corrupt` where the store cannot be read
   */
  read(query: RowQuery): Promise<RowsOfFlag>
}

/** A store of flags and overrides: a file or PostgreSQL. Injected faults wrap this interface. */
export interface FlagStore extends FlagReader {
  /**
   * Applies one change with its audit record, both or neither; durable when the promise resolves.
   * @throws FfError as `read`, and `lock_timeout` or `disk_full`; the write is then not acknowledged
   */
  write(request: WriteRequest): Promise<WriteResult>
  /** The end of the audit chain. */
  auditHead(): Promise<AuditChainHead>
  close(): Promise<void>
}

/**
 * The stored row and the end of the audit chain; or the problems of a refused request, of which nothing is written.
 * `unchanged` where the row was as requested already: nothing was written, no audit record either.
 */
export type WriteResult =
  | {
      readonly ok: true
      readonly row: AnyRow
      readonly head: AuditChainHead
      readonly unchanged?: true
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** A store for tests and proofs, whose rows a vector replaces. Never a kept store. */
export interface ScratchStore extends FlagStore {
  /** Replaces all rows, with revisions and times as given. Writes no audit record. */
  load(state: RowsByTable): Promise<void>
}

/** Description of a store for reports. */
export interface SideFacts {
  /** Name that may be shown: no password, no path, no schema name. */
  readonly target: string
  readonly backing: BackingKind
  /** Server version of a database; null for a file. */
  readonly server: string | null
}

/** A scratch store that is open; `close` removes it. */
export interface OpenScratchStore {
  readonly facts: SideFacts
  readonly store: ScratchStore
  close(): Promise<void>
}

/** A kept store, open for reading only. */
export interface LiveStore {
  readonly facts: SideFacts
  /** Identifies the store independently of its address, so that two targets can be compared. Never shown. */
  readonly identity: string
  readonly store: FlagReader
  /** Reads every row. @throws FfError `row_refused` where a row does not match its schema */
  state(): Promise<RowsByTable>
  close(): Promise<void>
}

/** The rows that a bulk evaluation needs: of several flags, for one caller. */
export interface BulkQuery {
  readonly flag_keys: readonly string[]
  readonly tenant_id: string | null
  readonly user_id: string | null
}

/** A flag as listed, with its row or the reason why the row is invalid. */
export interface FlagEntry {
  readonly flag_key: string
  readonly held: RowOrBroken<FlagRow>
}

/** The tables of overrides. */
export type OverrideTable = Exclude<TableName, 'flag_registry'>
/** A list of the live overrides of one table that share a part of their key, ordered by the other part as bytes. */
export interface OverrideQuery {
  readonly table: OverrideTable
  /** The shared part: that of one flag, or of one tenant or user. */
  readonly by: keyof RowKey
  readonly value: string
  /** The other part of the key that the list follows; null begins at the first. */
  readonly after: string | null
  readonly limit: number
}

/** A refused write or announcement of an authenticated caller, for the audit chain. */
export interface RefusedWrite {
  readonly request: WriteRequest | AnnouncementRequest
  /** Error code that the caller received. */
  readonly code: string
  /** How many refusals of this actor and code the record stands for; default 1. */
  readonly count?: number
}

/** What an operator or Admin has every instance do; it changes no row. */
export interface Announcement {
  readonly kind: ChangeKind
  /** As the feed names it, such as `flag/ff.x`, `approval/APP-1` or `global`. */
  readonly target: string
  readonly actor: string
  readonly auth_mode: AuthMode
  readonly request_id: string
  readonly occurred_at: Instant
}
/** The new end of the audit chain; or, for one of kind `global` within a minute of the actor's last, the rest of it. */
export type AnnouncementResult =
  | { readonly ok: true; readonly head: AuditChainHead }
  | { readonly ok: false; readonly retry_after_s: number }

/** A store with the operations that a service needs: bulk reads, listing, and audit records of refusals. */
export interface ServiceStore extends FlagStore, RevisionReader {
  /** Reads the rows of each flag in one snapshot, in the order of `flag_keys`. @throws FfError as `read` */
  readMany(query: BulkQuery): Promise<readonly RowsOfFlag[]>
  /**
   * Lists at most `limit` flags whose key follows `after`, ordered by key as bytes; null begins at the first.
   *
   * @throws FfError as `read`
   */
  page(query: {
    readonly after: string | null
    readonly limit: number
  }): Promise<readonly FlagEntry[]>
  /** Lists live overrides, without tombstones. @throws FfError as `read` */
  overrides(query: OverrideQuery): Promise<readonly KeyedRow[]>
  /** Lists audit records, newest first. @throws FfError as `read`, and `store_corrupt` for a record that is damaged */
  audit(query: AuditQuery): Promise<AuditPage>
  /**
   * Appends the record of a refusal to the audit chain; durable when the promise resolves.
   *
   * @throws FfError as `write`
   */
  refuse(refused: RefusedWrite): Promise<RefusalResult>
  /**
   * Appends a boundary record of an announcement and its row in the feed, where there is one, both or neither; durable
   * when the promise resolves.
   *
   * @throws FfError as `write`
   */
  announce(announcement: Announcement): Promise<AnnouncementResult>
  /**
   * Resolves where the store takes writes, as far as it can tell without one.
   *
   * @throws FfError `target_read_only`, `disk_full`, `rights_missing`, or as `read`
   */
  requireWritable(): Promise<void>
}

/** Reads earlier revisions of rows, as far back as they are kept. */
export interface RevisionReader {
  /**
   * Reads the row as it was at one of its revisions; null where that revision is not kept, or never was.
   * @throws FfError as `read`
   */
  revision(query: {
    readonly table: TableName
    readonly key: RowKey
    readonly revision: number
  }): Promise<RowOrBroken<AnyRow> | null>
}

/** The new end of the audit chain; or why the request does not fit into an audit record, so that none was written. */
export type RefusalResult =
  | { readonly ok: true; readonly head: AuditChainHead }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Reads what a copy of all rows in memory is made from and follows. */
export interface FeedReader {
  /**
   * The rows of a table whose key follows `after`, at most `limit`, ordered by key as bytes; null begins at the first.
   *
   * @throws FfError as `read`
   */
  rows(query: {
    readonly table: TableName
    readonly after: RowKey | null
    readonly limit: number
  }): Promise<readonly KeyedRow[]>
  /**
   * The rows of the feed from number `from` on (null: the last one), at most `limit`, in order, and where it ends.
   *
   * @throws FfError as `read`
   */
  changes(query: { readonly from: number | null; readonly limit: number }): Promise<FeedReading>
}
/** A feed that also says when to read it. */
export interface ChangeFeed extends FeedReader {
  /** Calls `wake` when the feed may have a new row, until it is closed. Never throws: it connects in the background. */
  listen(wake: () => void): FeedListener
}
/** Listens for notifications of new rows of a feed. */
export interface FeedListener {
  /** Whether notifications arrive: one that this instance sent itself has come back over this connection. */
  readonly arrives: () => boolean
  close(): Promise<void>
}
/** A part of the feed, in one snapshot. */
export interface FeedReading {
  readonly epoch: FeedEpoch
  /** Number of the last row; 0 where there is none. */
  readonly seq: number
  /**
   * Names the running database: another one after a restore, a failover or a restart, when numbers may be given again.
   * Absent where the store does not tell.
   */
  readonly database?: string
  /** Each with the hash of its audit record, which names the chain. */
  readonly entries: readonly (FeedEntry & { readonly hash: string })[]
}
/** Reads rows together with the number of the last change that their snapshot includes. */
export interface SnapshotReader {
  /** As `readMany`, with the number of the feed's last row in the same snapshot. @throws FfError as `read` */
  readAt(query: BulkQuery): Promise<RowsAt>
}
/** Rows of one snapshot, with the number of the feed's last row in it. */
export interface RowsAt {
  /** 0 where the feed is empty, and for no flag keys. */
  readonly seq: number
  /** In the order of `flag_keys`. */
  readonly sets: readonly RowsOfFlag[]
}
/** A stored row with its key, which is known also where the row is broken. */
export interface KeyedRow {
  readonly key: RowKey
  readonly held: RowOrBroken<AnyRow>
}

/** How much of an audit trail is not delivered. */
export interface SinkBacklog {
  /** Records that are pending; of a database at most 10,000 of each slot are counted. */
  readonly pending: number
  /** Records that are failed; of a database at most 10,000 are counted. */
  readonly failed: number
  /** Time of the oldest pending record; null where none is pending. */
  readonly oldest_at: Instant | null
}

/** A kept store, open for the service that writes to it. */
export interface OpenServiceStore {
  readonly facts: SideFacts
  readonly store: ServiceStore
  /** Absent for a store that reads from memory anyway. */
  readonly feed?: ChangeFeed
  /** Absent as `feed` is. */
  readonly snapshots?: SnapshotReader
  /** Counts what is not delivered of the audit trail, in bounded time; absent in proofs. @throws FfError of the store */
  readonly backlog?: () => Promise<SinkBacklog>
  close(): Promise<void>
}

/** A scratch store that a service can run on. */
export interface ScratchServiceStore extends OpenScratchStore {
  readonly store: ScratchStore & ServiceStore
}

/** Options of a store that writes audit records. */
export interface AuditOptions {
  /** HMAC key of the digests that replace sensitive values, at least 32 bytes. */
  readonly digestKey: Uint8Array
  /** Cutover phase that each record names. */
  readonly phase: string
}
