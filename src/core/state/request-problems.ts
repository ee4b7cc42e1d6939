import { strictProblems } from '../json/canonical.ts'
import { type Problem, problem } from '../problem.ts'
import { isApprovalRef, isFlagKey, isScopeId } from './grammar.ts'
import type { WriteRequest } from './plan-write.ts'
import { SCOPE_MEMBER } from './rows.ts'

/** As `common.schema.json` has it. */
const MAX_REQUEST_ID = 128

/**
 * What is wrong with a write before any row is looked at: its key, who acts, and what goes into the audit
 * record. A store asks this before it asks its database, which could not even be sent some of it.
 */
export function requestProblems(request: WriteRequest): readonly Problem[] {
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
  return checks.filter(([holds]) => !holds).map(([, at]) => problem('form_wrong', at))
}

const isRequestId = (text: string): boolean =>
  text.length > 0 && text.length <= MAX_REQUEST_ID && strictProblems(text).length === 0
