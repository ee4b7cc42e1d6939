import type { AuditChainHead } from '../../core/audit/record.ts'
import type { WriteRequest } from '../../core/rows/write-request.ts'
import { type ErrorCode, FfError } from '../../errors.ts'
import type {
  Announcement,
  AnnouncementResult,
  RefusalResult,
  RefusedWrite,
  WriteResult,
} from '../../ports/store.ts'

/**
 * What a follower hands to the writer. `op_id` stands in the log line, so that it is found after a take-over;
 * `absent_to` is the number of the last record that the follower has searched for it, null for what it sends first.
 */
export type Operation = { readonly op_id: string; readonly absent_to: number | null } & (
  | { readonly call: 'write'; readonly request: WriteRequest }
  | { readonly call: 'refuse'; readonly request: RefusedWrite }
  | { readonly call: 'announce'; readonly request: Announcement }
)
export type OperationResult = WriteResult | RefusalResult | AnnouncementResult

/** What a writer says. `durable` comes first on a connection, after each change, and as a sign of life in between. */
export type WriterMessage =
  | { readonly kind: 'durable'; readonly head: AuditChainHead }
  | { readonly kind: 'done'; readonly op_id: string; readonly result: OperationResult }
  | { readonly kind: 'failed'; readonly op_id: string; readonly error: SentError }

interface SentError {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
}

/** @param error any other error than an FfError is a bug: its message alone is sent */
export const toSentError = (error: unknown): SentError =>
  error instanceof FfError
    ? { code: error.code, message: error.message, hint: error.hint }
    : { code: 'backing_unavailable', message: String(error), hint: 'Read the log of the writer.' }

export const fromSentError = ({ code, message, hint }: SentError): FfError =>
  new FfError(code, message, { hint })
