import type { AuditHead } from '../core/audit/record.ts'
import type { Problem } from '../core/problem.ts'
import type { FlagRow, RowSet, Stored } from '../core/state/rows.ts'
import type { WriteRequest } from '../core/state/write-request.ts'
import type { ApprovalCheck, FlagStore, Scratch, ScratchStore, SideFacts } from '../ports.ts'

/** Which rows a bulk evaluation needs: of several flags, for one caller. */
export interface BulkQuery {
  readonly flag_keys: readonly string[]
  readonly tenant_id: string | null
  readonly user_id: string | null
}
/** A flag of the registry as it is listed, fit or not. */
export interface FlagEntry {
  readonly flag_key: string
  readonly held: Stored<FlagRow>
}
/** A change that somebody known asked for and was refused (page 5, Audit). */
export interface RefusedWrite {
  readonly request: WriteRequest
  /** A code of ours: why, as the caller was told. */
  readonly code: string
}

/** What a service asks of its store beside one evaluation and one change. */
export interface ServedStore extends FlagStore {
  /** The rows of each flag in the order of the keys, in one snapshot. @throws FfError as `read` */
  readMany(query: BulkQuery): Promise<readonly RowSet[]>
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
  | { readonly ok: true; readonly head: AuditHead }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** A store that somebody keeps, open to be served. */
export interface Served {
  readonly facts: SideFacts
  readonly store: ServedStore
  close(): Promise<void>
}

/** A store of the harness's own that can be served, too. */
export interface ServedScratch extends Scratch {
  readonly store: ScratchStore & ServedStore
}

/** Admin as a service has it (page 5, `sensitive.check.2b`). */
export interface Approvals {
  /** The check of one request: all that it asks shares one deadline, however many flags it is about. */
  begin(): ApprovalCheck
  /** For whoever serves it to show. */
  metrics(): AdminMetrics
  close(): Promise<void>
}
export interface AdminMetrics {
  /** Answers, and the failures that became `unreachable`, since it was made. */
  readonly calls: { readonly answered: number; readonly failed: number; readonly refused: number }
  /** Null where no breaker stands before it. */
  readonly breaker: 'closed' | 'open' | 'half_open' | null
}

/** What a service says of itself, a line of JSON each. Nothing that is given is a secret or a value of a flag. */
export interface ServiceLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
