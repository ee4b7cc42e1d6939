import { APPROVAL_REFUSALS } from '../evaluate/sensitive-overlay.ts'
import { computeTtlState } from '../evaluate/ttl-state.ts'
import type { CanonicalJson } from '../json/canonical.ts'
import { appendPointer } from '../json/pointer.ts'
import { isJsonObject, type JsonMember } from '../json/read.ts'
import { type Problem, makeProblem, type ProblemCode } from '../problem.ts'
import { decodeRow } from './decode-row.ts'
import { MAX_REVISION } from './grammar.ts'
import { findRequestProblems, type WriteRequest } from './write-request.ts'
import {
  type AnyOverrideRow,
  type AnyRow,
  type FlagRow,
  type FlagState,
  REQUIRED_AUTH,
  SCOPE_MEMBER,
  type RowOrBroken,
  type TableName,
  detectValueType,
} from './rows.ts'

/** The stored rows that a write depends on, read under the store's lock. */
export interface ExistingRows {
  readonly flag: RowOrBroken<FlagRow> | null
  /** The row under the key, tombstones included; for the registry, the flag row itself. */
  readonly row: RowOrBroken<AnyRow> | null
  /** Whether any override of the flag is live. */
  readonly has_overrides: boolean
}

/** The row before and after; the same object where nothing changes, so that nothing is to be written. */
export interface RowChange {
  readonly before: AnyRow | null
  readonly after: AnyRow
  readonly action: ChangeAction
}
/** The `action` of an audit record. */
export type ChangeAction =
  | 'flag.put'
  | 'flag.archive'
  | 'flag.transition'
  | 'flag.rollback'
  | 'flag.repair'
  | 'override.put'
  | 'override.delete'
  | 'override.rollback'
  | 'override.repair'
  | 'audit.boundary'
export type WritePlan =
  | { readonly ok: true; readonly change: RowChange }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** The members that a caller may set; the store sets the others. */
const BODY: Readonly<Record<TableName, readonly string[]>> = {
  flag_registry: [
    'value_type',
    'default_value',
    'safe_value',
    'sensitive',
    'required_auth',
    'state',
    'description',
    'owner',
  ],
  tenant_override: ['value', 'approval_ref', 'note', 'expires_at'],
  user_override: ['value', 'approval_ref', 'note', 'expires_at'],
}

/**
 * Decides one write from the stored rows, without side effects: the row before and after with its audit action, or the
 * problems. Checks in this order: the request, `row_broken`, `revision_conflict`, then the rules of the action.
 * Deleting a flag archives it, deleting an override leaves a tombstone, and a flag change that loosens a protection
 * needs a valid approval. Both backings call it, so that they accept and refuse alike.
 */
export function planWrite(request: WriteRequest, existing: ExistingRows): WritePlan {
  const { row, flag } = existing
  const problems = findRequestProblems(request)
  if (problems.length > 0) return { ok: false, problems }
  if (row?.broken !== undefined || flag?.broken !== undefined) return refuse('row_broken')
  const rows = { before: row?.row ?? null, known: flag?.row ?? null }
  return planSound(request, { ...rows, hasOverrides: existing.has_overrides })
}

interface ValidatedWrite {
  readonly before: AnyRow | null
  readonly known: FlagRow | null
  readonly hasOverrides: boolean
}

function planSound(
  request: WriteRequest,
  { before, known, hasOverrides }: ValidatedWrite,
): WritePlan {
  if (!meetsExpectation(request.expected, findLive(before))) return refuse('revision_conflict')
  const { detail } = request
  if (detail?.kind === 'transition')
    return planTransition(request, { known, hasOverrides }, detail.to)
  if (detail?.kind === 'rollback')
    return planRollback(request, { before, known, hasOverrides }, detail.earlier)
  if (detail?.kind === 'repair') return planRepair(request, { before, known }, detail.alone)
  if (request.action === 'delete') return planDelete(request, before)
  return request.table === 'flag_registry'
    ? planFlagPut(request, known, hasOverrides)
    : planOverridePut(request, known, before as AnyOverrideRow | null)
}

/** The state that a flag is in already is no change; the others are changed as a put or a delete would. */
function planTransition(
  request: WriteRequest,
  { known, hasOverrides }: Omit<ValidatedWrite, 'before'>,
  to: FlagState,
): WritePlan {
  if (known === null) return refuse('flag_unknown')
  if (known.state === to) return accept('flag.transition', known, known)
  if (to === 'archived') return planDelete(request, known)
  const revision = computeNextRevision(known)
  if (revision > MAX_REVISION) return refuse('form_wrong', '/revision')
  const after = { ...known, state: to, revision, updated_at: request.occurred_at }
  return planFlagChange(request, { before: known, after, hasOverrides }, 'flag.transition')
}

/**
 * Makes the content of an earlier row the newest revision, under the rules of a put, or of a delete for a tombstone. The
 * revision that the row has already is no change, nor is a tombstone for a deleted override.
 */
function planRollback(
  request: WriteRequest,
  { before, known, hasOverrides }: ValidatedWrite,
  earlier: AnyRow,
): WritePlan {
  const flag = request.table === 'flag_registry'
  if (before === null) return refuse(flag ? 'flag_unknown' : 'override_unknown')
  const gone = findLive(earlier) === null
  if (before.revision === earlier.revision || (gone && findLive(before) === null))
    return accept(flag ? 'flag.rollback' : 'override.rollback', before, before)
  if (gone) return renamed(planDelete(request, before), 'override.rollback')
  const revision = computeNextRevision(before)
  if (revision > MAX_REVISION) return refuse('form_wrong', '/revision')
  const { created_at } = before
  const restored = { ...earlier, created_at, revision, updated_at: request.occurred_at }
  if (flag) {
    const change = { before: before as FlagRow, after: restored as FlagRow, hasOverrides }
    return planFlagChange(request, change, 'flag.rollback')
  }
  const after = {
    ...(restored as AnyOverrideRow),
    ...findOrigin(request, before as AnyOverrideRow),
  }
  return renamed(judgeOverride(known, before as AnyOverrideRow, after), 'override.rollback')
}

/**
 * Writes the row again as it stands, of the same revision. An override that the other side of a cutover has alone becomes
 * a tombstone on both sides; no flag is removed.
 *
 * @param alone revision of the row on the other side; null where that side has none
 */
function planRepair(
  { table, key, actor, occurred_at }: WriteRequest,
  { before, known }: Omit<ValidatedWrite, 'hasOverrides'>,
  alone: number | null,
): WritePlan {
  const member = SCOPE_MEMBER[table]
  if (before !== null)
    return accept(member === null ? 'flag.repair' : 'override.repair', before, { ...before })
  if (member === null || known === null) return refuse('flag_unknown')
  if (alone === null) return refuse('override_unknown')
  if (alone >= MAX_REVISION) return refuse('form_wrong', '/revision')
  const tombstone = {
    [member]: key.scope_id,
    flag_key: key.flag_key,
    created_by: actor,
    updated_by: actor,
    revision: alone + 1,
    created_at: occurred_at,
    updated_at: occurred_at,
    deleted_at: occurred_at,
  }
  return accept('override.repair', null, tombstone as unknown as AnyOverrideRow)
}

const renamed = (plan: WritePlan, action: ChangeAction): WritePlan =>
  plan.ok ? { ok: true, change: { ...plan.change, action } } : plan

const findLive = (row: AnyRow | null): AnyRow | null =>
  row !== null && 'deleted_at' in row && row.deleted_at !== undefined ? null : row

function meetsExpectation(expected: WriteRequest['expected'], row: AnyRow | null): boolean {
  if (expected === null) return true
  if (expected === 'present') return row !== null
  return expected === 'absent' ? row === null : row?.revision === expected
}

function planDelete(request: WriteRequest, before: AnyRow | null): WritePlan {
  const { actor, occurred_at } = request
  const existing = findLive(before)
  if (existing === null)
    return refuse(request.table === 'flag_registry' ? 'flag_unknown' : 'override_unknown')
  const revision = computeNextRevision(existing)
  if (revision > MAX_REVISION) return refuse('form_wrong', '/revision')
  if ('state' in existing) {
    if (existing.state === 'archived') return refuse('flag_archived')
    const after: FlagRow = { ...existing, state: 'archived', revision, updated_at: occurred_at }
    return accept('flag.archive', before, after)
  }
  const { value: _, approval_ref: __, note: ___, expires_at: ____, ...kept } = existing
  const after = {
    ...kept,
    revision,
    updated_by: actor,
    updated_at: occurred_at,
    deleted_at: occurred_at,
  }
  return accept('override.delete', before, after)
}

function planFlagPut(
  request: WriteRequest,
  before: FlagRow | null,
  hasOverrides: boolean,
): WritePlan {
  const decoded = decodeBody(request, {
    revision: computeNextRevision(before),
    created_at: before?.created_at ?? request.occurred_at,
    updated_at: request.occurred_at,
  })
  if (decoded.broken !== undefined) return { ok: false, problems: decoded.broken }
  const after = decoded.row as FlagRow
  const misfits = (['default_value', 'safe_value'] as const)
    .filter((name) => detectValueType(after[name]) !== after.value_type)
    .map((name) => makeProblem('value_type_mismatch', `/${name}`))
  if (misfits.length > 0) return { ok: false, problems: misfits }
  return before === null
    ? accept('flag.put', null, after)
    : planFlagChange(request, { before, after, hasOverrides })
}

interface FlagChange {
  readonly before: FlagRow
  readonly after: FlagRow
  readonly hasOverrides: boolean
}

function planFlagChange(
  request: WriteRequest,
  { before, after, hasOverrides }: FlagChange,
  action: ChangeAction = 'flag.put',
): WritePlan {
  if (before.state === 'archived') return refuse('flag_archived', '/state')
  if (before.value_type !== after.value_type && hasOverrides)
    return refuse('type_in_use', '/value_type')
  if (!needsApproval(before, after)) return accept(action, before, after)
  const refusal = findApprovalRefusal(request)
  return refusal === null
    ? accept('audit.boundary', before, after)
    : refuse(refusal, '/approval_ref')
}

function planOverridePut(
  request: WriteRequest,
  flag: FlagRow | null,
  before: AnyOverrideRow | null,
): WritePlan {
  const decoded = decodeBody(request, {
    ...findOrigin(request, before),
    // The revision continues from a tombstone: two rows under one key never share a revision.
    revision: computeNextRevision(before),
    updated_at: request.occurred_at,
  })
  if (decoded.broken !== undefined) return { ok: false, problems: decoded.broken }
  return judgeOverride(flag, before, decoded.row as AnyOverrideRow)
}

/** Who created an override and when, also again after a tombstone, and who changes it. */
function findOrigin(
  { actor, occurred_at }: WriteRequest,
  before: AnyOverrideRow | null,
): Pick<AnyOverrideRow, 'created_by' | 'created_at' | 'updated_by'> {
  const existing = findLive(before) as AnyOverrideRow | null
  return {
    created_by: existing?.created_by ?? actor,
    updated_by: actor,
    created_at: existing?.created_at ?? occurred_at,
  }
}

/** The rules of an override with a value. */
function judgeOverride(
  flag: FlagRow | null,
  before: AnyOverrideRow | null,
  after: AnyOverrideRow,
): WritePlan {
  if (flag === null) return refuse('flag_unknown', '/flag_key')
  if (flag.state === 'archived') return refuse('flag_archived', '/flag_key')
  // It is no tombstone, so it has a value.
  if (detectValueType(after.value as CanonicalJson) !== flag.value_type) {
    return refuse('value_type_mismatch', '/value')
  }
  return accept('override.put', before, after)
}

const computeNextRevision = (before: AnyRow | null): number => (before?.revision ?? 0) + 1

/** Combines the caller's members with those of the store, and validates the whole row. */
function decodeBody(
  request: WriteRequest,
  own: Readonly<Record<string, string | number>>,
): RowOrBroken<AnyRow> {
  const { table, key, body } = request
  if (body === null || typeof body !== 'object' || !isJsonObject(body))
    return { broken: [makeProblem('type_wrong', '')] }
  const foreign = body.members.filter(([name]) => !BODY[table].includes(name))
  if (foreign.length > 0) {
    return {
      broken: foreign.map(([name]) => makeProblem('member_unknown', appendPointer('', name))),
    }
  }
  const scopeMember = SCOPE_MEMBER[table]
  const identity: JsonMember[] = scopeMember === null ? [] : [[scopeMember, key.scope_id]]
  const system = Object.entries(own).map(([name, held]): JsonMember => [
    name,
    typeof held === 'number' ? { lexeme: String(held) } : held,
  ])
  const members = [...identity, ['flag_key', key.flag_key] as const, ...body.members, ...system]
  return decodeRow(table, { members })
}

/** Three changes loosen a protection: less sensitive, lower required auth, reactivation. They need an approval. */
function needsApproval(before: FlagRow, after: FlagRow): boolean {
  const rank = (flag: FlagRow): number => REQUIRED_AUTH.indexOf(flag.required_auth)
  return (
    (before.sensitive && !after.sensitive) ||
    rank(after) < rank(before) ||
    (after.state === 'active' && before.state !== 'active')
  )
}

function findApprovalRefusal({ approval, occurred_at }: WriteRequest): ProblemCode | null {
  if (approval === null) return 'approval_missing'
  if (approval.answer.status === 'unreachable') return 'admin_unreachable'
  return APPROVAL_REFUSALS[computeTtlState(approval.answer, occurred_at)]
}

const accept = (action: ChangeAction, before: AnyRow | null, after: AnyRow): WritePlan => ({
  ok: true,
  change: { action, before, after },
})
const refuse = (code: ProblemCode, at = ''): WritePlan => ({
  ok: false,
  problems: [makeProblem(code, at)],
})
