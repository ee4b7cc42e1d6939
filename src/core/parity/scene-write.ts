import { answerApproval } from '../evaluate/approvals.ts'
import type { ApprovalAnswer } from '../evaluate/types.ts'
import { type JsonNode, parseLosslessJson } from '../json/read.ts'
import { type AnyRow, type RowOrBroken, serializeRow } from '../rows/rows.ts'
import type { WriteRequest } from '../rows/write-request.ts'
import type { Problem } from '../problem.ts'
import { type Scene, SCENE_TIME, type SceneWrite } from './scene.ts'

/**
 * Builds the store's request for a write of a scene: the precondition becomes a revision of `existing`, the approval
 * gets the answer that the scene's Admin would give, and a body that is not JSON becomes a JSON string. Actor and
 * request id are `fuzz`.
 *
 * @param existing the row under its key at that time, a tombstone too; null for none
 */
export function buildWriteRequest(
  { table, key, action, body, expected, approval }: SceneWrite,
  given: Scene['given'],
  existing: AnyRow | null,
): WriteRequest {
  return {
    table,
    key,
    action,
    body: body === null ? null : toNode(body),
    expected: expected === null ? null : REVISIONS[expected](existing),
    actor: 'fuzz',
    auth_mode: 'verified',
    request_id: 'fuzz',
    occurred_at: SCENE_TIME,
    approval:
      approval === null
        ? null
        : {
            approval_ref: approval.approval_ref,
            answer: answerAsAdmin(approval, given, key.flag_key),
          },
  }
}

/** The expected revision: `stale` is the previous one, and for a tombstone the tombstone's own. */
const REVISIONS: Readonly<
  Record<NonNullable<SceneWrite['expected']>, (existing: AnyRow | null) => number | 'absent'>
> = {
  absent: () => 'absent',
  right: (existing) => getLiveRevision(existing) ?? 'absent',
  stale: (existing) => {
    const live = getLiveRevision(existing)
    return live === null ? (existing?.revision ?? 1) : live - 1
  },
}
const getLiveRevision = (row: AnyRow | null): number | null =>
  row === null || 'deleted_at' in row ? null : row.revision

function answerAsAdmin(
  { approval_ref, tenant_id, user_id }: NonNullable<SceneWrite['approval']>,
  { admin, approvals }: Scene['given'],
  flag_key: string,
): ApprovalAnswer {
  if (admin === 'unreachable') return { status: 'unreachable' }
  return answerApproval(approvals, { approval_ref, flag_key, tenant_id, user_id })
}

/** The result of a write; `failed` is a refusal by the store's own constraints. */
export type WriteOutcome =
  | { readonly ok: true; readonly row: AnyRow }
  | { readonly ok: false; readonly problems: readonly Problem[] }
  | { readonly failed: string }

/**
 * Converts a result to JSON with one member, `row`, `problems` or `failed`, so that two results can be compared without
 * loss.
 */
export function outcomeToNode(outcome: WriteOutcome): JsonNode {
  if ('failed' in outcome) return { members: [['failed', outcome.failed]] }
  return outcome.ok
    ? { members: [['row', toNode(serializeRow(outcome.row))]] }
    : { members: [['problems', outcome.problems.map(problemToNode)]] }
}

/**
 * Converts a stored row to JSON: the row itself, an object of its `broken` problems where it is invalid, null without a
 * row.
 */
export function storedToNode(stored: RowOrBroken<AnyRow> | null): JsonNode {
  if (stored === null) return null
  return stored.row === undefined
    ? { members: [['broken', stored.broken.map(problemToNode)]] }
    : toNode(serializeRow(stored.row))
}

const problemToNode = ({ code, pointer }: Problem): JsonNode => ({
  members: [
    ['code', code],
    ['pointer', pointer],
  ],
})

/** Text that is not JSON is compared as a string. */
function toNode(text: string): JsonNode {
  const read = parseLosslessJson(text)
  return read.ok ? read.node : text
}
