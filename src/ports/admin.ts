import type { AdminLimits } from '../core/admin/contract.ts'
import type { Approval } from '../core/evaluate/approvals.ts'
import type { ApprovalAnswer, ApprovalQuery } from '../core/evaluate/types.ts'

/** Asks whether an approval covers a flag, tenant and user: `sensitive.check.2b` (page 5). Never throws. */
export type CheckApproval = (question: ApprovalQuery) => Promise<ApprovalAnswer>

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
export interface ApprovalService {
  /** The check of one request: all that it asks shares one deadline, however many flags it is about. */
  begin(): CheckApproval
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

export interface AdminScript {
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
  setBehaviour(stage: AdminScript): Promise<void>
  close(): Promise<void>
}
