import type { AuditChainHead } from '../../core/audit/record.ts'
import { type ErrorCode, FfError } from '../../errors.ts'
import type { CarriedOut, NamedOperation } from '../../ports/cutover.ts'
import type { WriteNames } from './write-names.ts'

/**
 * What a follower hands to the writer. Its name stands in the log line, so that it is found after a take-over; `since` is
 * the number of the last record before the operation came up, null where it is sent for the first time.
 */
export type HandedOperation = NamedOperation & { readonly since: number | null }

const CALLS: ReadonlySet<unknown> = new Set<NamedOperation['call']>(['write', 'refuse', 'announce'])
/** Whether a message is an operation, as that of another version may not be. */
export function isHandedOperation(message: object): message is HandedOperation {
  const { name, call, request } = message as Readonly<Record<string, unknown>>
  return (
    CALLS.has(call) &&
    [name, request].every((member) => typeof member === 'object' && member !== null) &&
    typeof (name as { readonly op_id?: unknown }).op_id === 'string'
  )
}

/** Asks the writer up to where the log counts now: what it has acknowledged before is announced before the answer. */
export interface SyncRequest {
  readonly sync: number
  /** Whether the writer first ends what it had begun to append. */
  readonly settles?: true
}
export const isSyncRequest = (message: object): message is SyncRequest =>
  typeof (message as { readonly sync?: unknown }).sync === 'number'

/** @throws FfError `outcome_unknown` where a writer before may have made it, and its name is forgotten */
export function requireKnownOutcome(names: WriteNames, { name, since }: HandedOperation): void {
  if (name.request_digest !== null || since === null || names.coversAfter(since)) return
  throw new FfError(
    'outcome_unknown',
    `The writer does not know any more whether it made the change ${name.op_id}.`,
    { hint: 'Read the row again before you repeat the change.' },
  )
}

/** What a writer says. `durable` comes first on a connection, after each change, and as a sign of life in between. */
export type WriterMessage =
  | { readonly kind: 'durable'; readonly head: AuditChainHead }
  | { readonly kind: 'synced'; readonly sync: number }
  | { readonly kind: 'done'; readonly op_id: string; readonly done: CarriedOut }
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

/** Carries a handed operation out. */
export type CarryOutHanded = (operation: HandedOperation) => Promise<CarriedOut>

/** Null where it failed because another process has taken the store over: the line may be there. */
export async function carryOutOrLeave(
  store: { requireTerm(): Promise<void> },
  operation: HandedOperation,
  carryOut: CarryOutHanded,
): Promise<CarriedOut | null> {
  try {
    return await carryOut(operation)
  } catch (error) {
    const isReplaced = await store.requireTerm().then(
      () => false,
      () => true,
    )
    if (isReplaced) return null
    throw error
  }
}
