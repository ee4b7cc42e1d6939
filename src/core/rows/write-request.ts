import { findJsonProblems } from '../json/canonical.ts'
import { type Problem, makeProblem } from '../problem.ts'
import { isApprovalRef, isFlagKey, isScopeId } from './grammar.ts'
import type { ApprovalAnswer, AuthMode } from '../evaluate/types.ts'
import type { JsonNode } from '../json/read.ts'
import type { Instant } from './instant.ts'
import { type RowKey, SCOPE_MEMBER, type TableName } from './rows.ts'

/** One change that somebody asks for. Untrusted: nothing in it has been held to page 1 yet. */
export interface WriteRequest {
  readonly table: TableName
  readonly key: RowKey
  readonly action: 'put' | 'delete'
  /** What the caller sets, as it was read; null on delete. */
  readonly body: JsonNode
  /** The revision the caller saw, `absent` to create only, `present` to replace only, null to take whatever is there. */
  readonly expected: number | 'absent' | 'present' | null
  readonly actor: string
  readonly auth_mode: AuthMode | null
  readonly request_id: string
  readonly occurred_at: Instant
  /** What Admin said of the approval the caller named, asked for this flag, tenant and user. */
  readonly approval: { readonly approval_ref: string; readonly answer: ApprovalAnswer } | null
}

/** As `common.schema.json` has it. */
const MAX_REQUEST_ID = 128

/**
 * What is wrong with a write before any row is looked at: its key, who acts, and what goes into the audit
 * record. A store asks this before it asks its database, which could not even be sent some of it.
 */
export function findRequestProblems(request: WriteRequest): readonly Problem[] {
  const { table, key, actor, request_id, approval } = request
  const member = SCOPE_MEMBER[table]
  const scopeFits =
    member === null ? key.scope_id === null : key.scope_id !== null && isScopeId(key.scope_id)
  const checks: readonly (readonly [holds: boolean, at: string])[] = [
    [isFlagKey(key.flag_key), '/flag_key'],
    [scopeFits, `/${member ?? 'scope_id'}`],
    [isScopeId(actor), '/actor'],
    [isRequestId(request_id), '/request_id'],
    [approval === null || isApprovalRef(approval.approval_ref), '/approval_ref'],
  ]
  return checks.filter(([holds]) => !holds).map(([, at]) => makeProblem('form_wrong', at))
}

export const isRequestId = (text: string): boolean =>
  text.length > 0 && text.length <= MAX_REQUEST_ID && findJsonProblems(text).length === 0
