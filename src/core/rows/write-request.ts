import { findJsonProblems } from '../json/canonical.ts'
import { type Problem, makeProblem } from '../problem.ts'
import { isApprovalRef, isFlagKey, isScopeId } from './grammar.ts'
import type { ApprovalAnswer, AuthMode } from '../evaluate/types.ts'
import type { JsonNode } from '../json/read.ts'
import type { Instant } from './instant.ts'
import { type AnyRow, type FlagState, type RowKey, SCOPE_MEMBER, type TableName } from './rows.ts'

/** What a transition of a flag, a rollback or a repair does, and why: `reason` stands in the audit record. */
export type ChangeDetail =
  /** Writes the row again as it stands, so that the other side of a cutover gets it. `alone`: see `planRepair`. */
  | { readonly kind: 'repair'; readonly reason: string; readonly alone: number | null }
  | { readonly kind: 'transition'; readonly reason: string; readonly to: FlagState }
  | { readonly kind: 'rollback'; readonly reason: string; readonly earlier: AnyRow }

/** One requested change. Untrusted: not validated yet. */
export interface WriteRequest {
  readonly table: TableName
  readonly key: RowKey
  readonly action: 'put' | 'delete' | ChangeDetail['kind']
  /** The members that the caller of a put sets, as parsed; else null. */
  readonly body: JsonNode
  /** Of a transition, a rollback or a repair that is asked for; a refusal is recorded without it. */
  readonly detail?: ChangeDetail
  /** The revision that the caller saw, `absent` to create only, `present` to replace only, null for any state. */
  readonly expected: number | 'absent' | 'present' | null
  readonly actor: string
  readonly auth_mode: AuthMode | null
  readonly request_id: string
  readonly occurred_at: Instant
  /** Admin's answer about the approval that the caller named, for this flag, tenant and user. */
  readonly approval: { readonly approval_ref: string; readonly answer: ApprovalAnswer } | null
}

/** The limit of `contracts/schemas/common.schema.json`. */
const MAX_REQUEST_ID = 128

/**
 * Finds the faults of a write that need no stored row, each `form_wrong`: its key, its actor, its request id and its
 * approval ref; empty for none. Does not check the body. A store calls this before it queries its database, which would
 * reject some of these values.
 */
export const findRequestProblems = (request: WriteRequest): readonly Problem[] => [
  ...findKeyProblems(request.table, request.key),
  ...findCallerProblems(request),
]

/** The faults of the key of a row, each `form_wrong`, at the members that have its parts; empty for none. */
export function findKeyProblems(table: TableName, key: RowKey): readonly Problem[] {
  const member = SCOPE_MEMBER[table]
  const scopeFits =
    member === null ? key.scope_id === null : key.scope_id !== null && isScopeId(key.scope_id)
  return toProblems([
    [isFlagKey(key.flag_key), '/flag_key'],
    [scopeFits, `/${member ?? 'scope_id'}`],
  ])
}

/**
 * The faults of a write apart from its key, each `form_wrong`: its actor, its request id and its approval ref; empty for
 * none. A refusal is recorded where there is none, whatever its key.
 */
export function findCallerProblems({
  actor,
  request_id,
  approval = null,
}: Pick<WriteRequest, 'actor' | 'request_id'> &
  Partial<Pick<WriteRequest, 'approval'>>): readonly Problem[] {
  return toProblems([
    [isScopeId(actor), '/actor'],
    [isRequestId(request_id), '/request_id'],
    [approval === null || isApprovalRef(approval.approval_ref), '/approval_ref'],
  ])
}

type Check = readonly [holds: boolean, at: string]
const toProblems = (checks: readonly Check[]): readonly Problem[] =>
  checks.filter(([holds]) => !holds).map(([, at]) => makeProblem('form_wrong', at))

/** Whether a text is a request id: 1 to 128 UTF-16 units without U+0000 or a lone surrogate. */
export const isRequestId = (text: string): boolean =>
  text.length > 0 && text.length <= MAX_REQUEST_ID && findJsonProblems(text).length === 0
