import type { AdminLimits } from '../core/admin/contract.ts'
import type { Approval } from '../core/evaluate/approvals.ts'
import type { ApprovalAnswer, ApprovalQuery } from '../core/evaluate/types.ts'
import type { TraceSource } from './http.ts'

/**
 * Asks whether an approval covers a flag, tenant and user: `sensitive.check.2b`. Never rejects: a failed call answers
 * `unreachable`.
 */
export type CheckApproval = (question: ApprovalQuery) => Promise<ApprovalAnswer>

/** An Admin, and how it is called. */
export interface AdminPlan {
  readonly kind: 'admin'
  readonly url: URL
  readonly credential: AdminCredential
  readonly limits: AdminLimits
}
/** Where approvals are checked: by Admin over HTTP, in a given list, or nowhere. */
export type ApprovalsPlan =
  | AdminPlan
  | { readonly kind: 'file'; readonly approvals: readonly Approval[] }
  /** Every check answers `unreachable`. */
  | { readonly kind: 'none' }

/**
 * Credentials of FF towards Admin, and the authorities that Admin's certificate is verified with. All null: none,
 * which is accepted on loopback only.
 */
export interface AdminCredential {
  /** A bearer token (RFC 6750); null for none. */
  readonly token: string | null
  /** Client certificate and key for mutual TLS, in PEM; null for none. */
  readonly client: { readonly cert: string; readonly key: string } | null
  /** The only certificate authorities that are trusted, in PEM; null for those of this machine. */
  readonly ca: string | null
}

/** Checks approvals for a service (`sensitive.check.2b`, docs/reference/service.md). */
export interface ApprovalService {
  /**
   * Begins the checks of one request. The first check starts the deadline that all of them share.
   *
   * @param trace that the request belongs to, handed on to Admin; default none
   */
  begin(trace?: TraceSource): CheckApproval
  /**
   * Takes it that an approval has changed: nothing that was answered before counts for its checks in flight, which are
   * asked again within their deadline.
   *
   * @param ref null for all
   */
  abandon(ref: string | null): void
  /** Counts and states for the metrics of the service. */
  metrics(): AdminMetrics
  /** Closes the connections; each check in flight answers `unreachable`. */
  close(): Promise<void>
}

/** Counts of an approval service since it was opened, and its current state. */
export interface AdminMetrics {
  /** `refused` counts the questions that the open circuit breaker did not send. */
  readonly calls: { readonly answered: number; readonly failed: number; readonly refused: number }
  /** State of the circuit breaker; null where none is configured. */
  readonly breaker: 'closed' | 'open' | 'half_open' | null
  /** Connections to Admin that are open or connecting. */
  readonly sockets: number
}

/** Behaviour of a test Admin; all but `honest` are injected faults. */
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

/** How a test Admin answers from now on. */
export interface AdminScript {
  readonly behaviour: AdminBehaviour
  /** Wait before it begins to answer. */
  readonly delay_ms: number
}

/** The bodies of one request to a test Admin and of its response, as sent. */
export interface AdminExchange {
  readonly request: string
  readonly response: string
}

/** A test Admin on loopback with given approvals, whose behaviour the test sets. */
export interface AdminServer {
  readonly url: URL
  /** The bearer token that it requires; without it a request gets 401. */
  readonly token: string
  /** Requests received so far, whatever the response. */
  requests(): number
  /** Open connections. */
  sockets(): number
  /** The exchanges that it answered as `honest`, oldest first. */
  exchanges(): readonly AdminExchange[]
  /** Changes the behaviour for all requests from now on. */
  setBehaviour(stage: AdminScript): Promise<void>
  close(): Promise<void>
}
