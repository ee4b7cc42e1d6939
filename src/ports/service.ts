import type { AdminLimits } from '../core/admin/limits.ts'
import type { Approval } from '../core/evaluate/approvals.ts'
import type { AuditHead } from '../core/audit/record.ts'
import type { Decision } from '../core/evaluate/types.ts'
import type { Problem } from '../core/problem.ts'
import type { FlagRow, RowSet, Stored } from '../core/state/rows.ts'
import type { WriteRequest } from '../core/state/write-request.ts'
import type {
  ApprovalCheck,
  DoorMetrics,
  FlagStore,
  HttpWitness,
  Scratch,
  ScratchStore,
  SideFacts,
} from '../ports.ts'

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

/** Who answers for approvals (page 5). */
export type ApprovalsPlan =
  | {
      readonly kind: 'admin'
      readonly url: URL
      readonly credential: AdminCredential
      readonly limits: AdminLimits
    }
  | { readonly kind: 'file'; readonly approvals: readonly Approval[] }
  /** Nobody: no approval holds. */
  | { readonly kind: 'none' }
/** How FF says to Admin who it is, and by what it knows Admin; all null is nobody, which stays on this machine. */
export interface AdminCredential {
  /** A bearer token (RFC 6750). */
  readonly token: string | null
  /** For mutual TLS, in PEM. */
  readonly client: { readonly cert: string; readonly key: string } | null
  /** The only authorities whose word counts, in PEM; null for those of this machine. */
  readonly ca: string | null
}

/** Admin as a service has it (page 5, `sensitive.check.2b`). */
export interface Approvals {
  /** The check of one request: all that it asks shares one deadline, however many flags it is about. */
  begin(): ApprovalCheck
  /** For whoever serves it to show. */
  metrics(): AdminMetrics
  /** Whoever still waits is told `unreachable`. */
  close(): Promise<void>
}
export interface AdminMetrics {
  /** Since it was made: calls that were answered and that failed, and questions that the breaker sent nowhere. */
  readonly calls: { readonly answered: number; readonly failed: number; readonly refused: number }
  /** Null where no breaker stands before it. */
  readonly breaker: 'closed' | 'open' | 'half_open' | null
  /** Connections to Admin that are open, or being made. */
  readonly sockets: number
}

/** What an Admin does that its holder commands; all but the first are failures. */
export type AdminBehaviour =
  | 'honest'
  | 'refused'
  | 'reset'
  | 'error_500'
  | 'error_503'
  | 'error_429'
  | 'redirect'
  | 'cut_short'
  | 'malformed'
  | 'empty'
  | 'wrong_type'
  | 'unknown_state'
  | 'never'
  | 'slow_body'
  | 'no_accept'
export interface AdminStage {
  readonly behaviour: AdminBehaviour
  /** Before it begins to answer. */
  readonly delay_ms: number
}
/** A question that an Admin met and what it answered, as the bytes were. */
export interface AdminExchange {
  readonly request: string
  readonly response: string
}
/** An Admin on this machine that holds some approvals, and does as its holder says. */
export interface AdminServer {
  readonly url: URL
  /** Who does not bring it is told 401. */
  readonly token: string
  /** How many requests it has met, whatever they were told. */
  requests(): number
  /** How many connections to it are open. */
  sockets(): number
  /** Those that it answered honestly. */
  exchanges(): readonly AdminExchange[]
  /** From now on. */
  become(stage: AdminStage): Promise<void>
  close(): Promise<void>
}

/** What a service says of itself, a line of JSON each. Nothing that is given is a secret or a value of a flag. */
export interface ServiceLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Told what a service does, to count it; costs whoever tells next to nothing. */
export interface ServiceObserver {
  decided(decision: Pick<Decision, 'decision' | 'reason'>): void
  /** What became of a change that somebody who was let in asked for. */
  changed(action: WriteRequest['action'], outcome: ChangeOutcome): void
  /** Somebody was let in by a token that nobody verified (page 2, containment). @param sub as it says, and an id */
  unverified(sub: string): void
}
/** `failed` where the store did not take it; `refused` where it was the caller's doing. */
export type ChangeOutcome = 'applied' | 'refused' | 'failed'

/** What metrics are read from when somebody asks for them. */
export interface Readings {
  readonly in_flight_limit: number
  readonly inFlight: () => number
  readonly door: () => DoorMetrics
  readonly admin: () => AdminMetrics
  /** The end of the audit chain; null where the store gives no answer in its time. */
  readonly head: () => Promise<AuditHead | null>
}
/** What a service says of itself to those who look after it. */
export interface Telemetry {
  readonly witness: HttpWitness
  readonly observer: ServiceObserver
  /** In Prometheus' text format 0.0.4. */
  readonly metrics: () => Promise<{ readonly type: string; readonly text: string }>
}
