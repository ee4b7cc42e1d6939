import type { AuditChainHead } from '../core/audit/record.ts'
import type { BackingKind } from '../core/evaluate/types.ts'
import type { Problem } from '../core/problem.ts'
import type { AnyRow, FlagRow, RowsOfFlag, RowsByTable, RowOrBroken } from '../core/rows/rows.ts'
import type { WriteRequest } from '../core/rows/write-request.ts'

/** Which rows one evaluation needs; a layer whose id is null is not read. */
export interface RowQuery {
  readonly flag_key: string
  readonly tenant_id: string | null
  readonly user_id: string | null
}

/** Rows to decide by: all that a question needs of a store. */
export interface FlagReader {
  readonly kind: BackingKind
  /**
   * One consistent snapshot of the rows, as they are now.
   * @throws FfError `backing_unavailable` or `store_corrupt` where the store cannot be read
   */
  read(query: RowQuery): Promise<RowsOfFlag>
}

/** Where flags and overrides live: a file or PostgreSQL. Faults, cache and dual write wrap this. */
export interface FlagStore extends FlagReader {
  /**
   * Applies one change with its audit record, both or neither; durable when the promise resolves.
   * @throws FfError as `read`, and `lock_timeout` or `disk_full`; then nothing was acknowledged
   */
  write(request: WriteRequest): Promise<WriteResult>
  /** The end of the audit chain. */
  auditHead(): Promise<AuditChainHead>
  close(): Promise<void>
}

export type WriteResult =
  | { readonly ok: true; readonly row: AnyRow; readonly head: AuditChainHead }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** A store of the harness's own, which a vector's rows can be put into. Never somebody's live store. */
export interface ScratchStore extends FlagStore {
  /** Replaces all rows, exactly as given, revisions and times included; no audit record is written. */
  load(state: RowsByTable): Promise<void>
}

/** What a scratch store was made on. */
export interface SideFacts {
  /** As it may be shown: no password, no path, no schema name. */
  readonly target: string
  readonly backing: BackingKind
  /** Server version of a database, null for a file. */
  readonly server: string | null
}

export interface OpenScratchStore {
  readonly facts: SideFacts
  readonly store: ScratchStore
  close(): Promise<void>
}

/** Somebody's live store, which is read and never written. */
export interface LiveStore {
  readonly facts: SideFacts
  /** Which store this is, by whatever name it was reached; shown to nobody. */
  readonly identity: string
  readonly store: FlagReader
  /** Every row. @throws FfError `row_refused` where one does not fit its schema */
  state(): Promise<RowsByTable>
  close(): Promise<void>
}

/** Which rows a bulk evaluation needs: of several flags, for one caller. */
export interface BulkQuery {
  readonly flag_keys: readonly string[]
  readonly tenant_id: string | null
  readonly user_id: string | null
}

/** A flag of the registry as it is listed, fit or not. */
export interface FlagEntry {
  readonly flag_key: string
  readonly held: RowOrBroken<FlagRow>
}

/** A change that somebody known asked for and was refused (page 5, Audit). */
export interface RefusedWrite {
  readonly request: WriteRequest
  /** A code of ours: why, as the caller was told. */
  readonly code: string
}

/** What a service asks of its store beside one evaluation and one change. */
export interface ServiceStore extends FlagStore {
  /** The rows of each flag in the order of the keys, in one snapshot. @throws FfError as `read` */
  readMany(query: BulkQuery): Promise<readonly RowsOfFlag[]>
  /** Flags in the order of their keys, in bytes, from the first past `after`, at most `limit`. @throws FfError as `read` */
  page(query: {
    readonly after: string | null
    readonly limit: number
  }): Promise<readonly FlagEntry[]>
  /** Puts a refusal at the end of the audit chain; durable when it resolves. @throws FfError as `write` */
  refuse(refused: RefusedWrite): Promise<RefusalResult>
}

/** Where the chain ends then; or why there is no record: who asked for what does not even fit into one (page 1). */
export type RefusalResult =
  | { readonly ok: true; readonly head: AuditChainHead }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** A store that somebody keeps, open to be served. */
export interface OpenServiceStore {
  readonly facts: SideFacts
  readonly store: ServiceStore
  close(): Promise<void>
}

/** A store of the harness's own that can be served, too. */
export interface ScratchServiceStore extends OpenScratchStore {
  readonly store: ScratchStore & ServiceStore
}

/** What a backing needs to write audit records. */
export interface AuditOptions {
  /** Key of the digests that stand for sensitive values, at least 32 bytes. */
  readonly digestKey: Uint8Array
  /** Cutover phase that goes into each record (page 7). */
  readonly phase: string
}
