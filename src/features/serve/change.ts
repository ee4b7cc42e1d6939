import { createHash } from 'node:crypto'
import type { Principal } from '../../core/evaluate/types.ts'
import type { JsonNode, JsonObject } from '../../core/json/read.ts'
import { makeProblem } from '../../core/problem.ts'
import type { ScopeRequirement } from '../../core/http-api/access.ts'
import { parseIdempotencyKey } from '../../core/http-api/idempotency-key.ts'
import { formatEntityTag, parseExpectation } from '../../core/http-api/preconditions.ts'
import type { ServiceCode } from '../../core/http-api/problems.ts'
import { isApprovalRef } from '../../core/rows/grammar.ts'
import type { Instant } from '../../core/rows/instant.ts'
import {
  type AnyRow,
  type FlagState,
  getRowKey,
  type RowKey,
  serializeRow,
  type TableName,
} from '../../core/rows/rows.ts'
import { findRequestProblems, type WriteRequest } from '../../core/rows/write-request.ts'
import type { Route, RouteRequest, RouteResponse } from '../../ports/http.ts'
import type { ServiceStore, WriteResult } from '../../ports/store.ts'
import { authenticateCaller, requireScopes } from './authorize.ts'
import { parseJsonBody, requireSchema } from './body.ts'
import type { GetServiceDependencies, ServiceDependencies } from './dependencies.ts'
import { findActor, isWriter } from './refused-caller.ts'
import { HttpRefusal, toJsonResponse } from './reply.ts'
import { readStoredRow, requireWholeRow } from './stored-row.ts'

/** The row that a route changes, the action, and the scopes that it requires. */
export interface ChangedRow {
  readonly table: TableName
  /** No route repairs a row: `ff cutover reconcile` does. */
  readonly action: Exclude<WriteRequest['action'], 'repair'>
  readonly key: (params: RouteRequest['params']) => RowKey
  readonly need: (key: RowKey) => ScopeRequirement
}

/**
 * The handlers of a route that changes a row. `handle` returns the row, with status 201 for a put that created it, else
 * 200; of a transition and a rollback also whether anything changed. It reports every outcome after authentication to the observer, and throws an HttpRefusal for a refused change,
 * and the errors of the store. A refused change of an authenticated user is recorded in the audit trail, also where the
 * server refused its body.
 */
export const createChangeRoute = (
  parts: GetServiceDependencies,
  changed: ChangedRow,
): Pick<Route, 'handle' | 'refused'> => ({
  handle: createChangeHandler(parts, changed),
  refused: async (call, code) => {
    const service = parts()
    const now = service.now()
    const caller = await findActor(service, call, now)
    if (caller === null) return
    await service.recordRefusal({ request: toBareRequest(changed, { call, caller, now }), code })
  },
})

const createChangeHandler =
  (parts: GetServiceDependencies, changed: ChangedRow) =>
  async (call: RouteRequest): Promise<RouteResponse> => {
    const service = parts()
    const now = service.now()
    const caller = await authenticateCaller(service, call, now)
    const { observer } = service
    try {
      const reply = await applyChange(service, changed, { call, caller, now })
      observer.changed(changed.action, 'applied')
      return reply
    } catch (error) {
      observer.changed(changed.action, error instanceof HttpRefusal ? 'refused' : 'failed')
      throw error
    }
  }

async function applyChange(
  service: ServiceDependencies,
  changed: ChangedRow,
  received: ChangeCall,
): Promise<RouteResponse> {
  const { call, caller } = received
  // These modes do not prove a user id, so the refusal has no actor and no audit record.
  if (!isWriter(caller)) requireScopes(caller, changed.need(changed.key(call.params)))
  const bare = toBareRequest(changed, received)
  try {
    const problems = findRequestProblems(bare)
    if (problems.length > 0) throw new HttpRefusal('form_wrong', problems)
    requireScopes(caller, changed.need(bare.key))
    const request = await completeRequest(service, bare, received)
    const written = await write(service, request, received)
    if (!written.ok)
      throw new HttpRefusal(written.problems[0]?.code as ServiceCode, written.problems)
    // Before it is acknowledged: an evaluation after that shows it, also where the store is away.
    if (written.unchanged !== true) {
      service.lastKnown?.put(changed.table, written.row, written.head.seq)
      service.reader?.changed(changed.table, getRowKey(written.row), written.head.seq)
      service.changes?.changed(written.head.seq)
      service.channel?.written(written.head.seq)
    }
    return toChangeResponse(changed.action, written)
  } catch (error) {
    if (error instanceof HttpRefusal)
      await service.recordRefusal({ request: bare, code: error.code })
    throw error
  }
}

/**
 * Makes the change; in a cutover under the name that its `Idempotency-Key` gives it, so that the same request again writes
 * nothing and gets the first row.
 *
 * @throws HttpRefusal `idempotency_key_invalid`, and the errors of the store
 */
function write(
  { managed, store }: ServiceDependencies,
  request: WriteRequest,
  { call }: ChangeCall,
): Promise<WriteResult> {
  if (managed === undefined) return store.write(request)
  const key = parseIdempotencyKey(call.header('idempotency-key'))
  if (key === undefined) throw new HttpRefusal('idempotency_key_invalid')
  if (key === null) return managed.write(request)
  const { actor, action, table, key: row } = request
  return managed.write(request, {
    op_id: digest([actor, key]),
    request_digest: digest([action, table, row.scope_id, row.flag_key, call.body]),
  })
}

const digest = (parts: readonly (string | null)[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex')

/** The row with its revision as ETag; after a transition or a rollback in an object that says whether it changed. */
function toChangeResponse(
  action: WriteRequest['action'],
  { row, unchanged }: Extract<WriteResult, { ok: true }>,
): RouteResponse {
  const status = action === 'put' && row.revision === 1 ? 201 : 200
  const text = serializeRow(row)
  const body =
    action === 'put' || action === 'delete'
      ? text
      : `{"changed":${unchanged !== true},"row":${text}}`
  return toJsonResponse(body, { status, headers: { etag: formatEntityTag(row.revision) } })
}

interface ChangeCall {
  readonly call: RouteRequest
  readonly caller: Principal
  readonly now: Instant
}

type BareRequest = WriteRequest & Pick<ChangedRow, 'action'>

/**
 * The request without its body and precondition: all that the audit record of a refusal needs.
 *
 * @throws HttpRefusal `actor_missing` for a token without a user
 */
function toBareRequest(
  { table, action, key }: ChangedRow,
  { call, caller, now }: ChangeCall,
): BareRequest {
  if (caller.user_id === null) throw new HttpRefusal('actor_missing')
  return {
    table,
    key: key(call.params),
    action,
    body: null,
    expected: null,
    actor: caller.user_id,
    auth_mode: caller.mode,
    request_id: call.request_id,
    occurred_at: now,
    approval: null,
  }
}

async function completeRequest(
  service: ServiceDependencies,
  bare: BareRequest,
  { call, caller }: ChangeCall,
): Promise<WriteRequest> {
  const expected = parseExpectation(call.header('if-match'), call.header('if-none-match'))
  if (expected === undefined) throw new HttpRefusal('precondition_invalid')
  const request = { ...bare, expected }
  if (bare.action === 'delete') return request
  const node = parseJsonBody(call.body)
  const { approval_ref, ...completed } = await READ_BODY[bare.action](service, request, node)
  if (bare.table !== 'flag_registry' || approval_ref === null) return completed
  const approval = await fetchApproval(service, { caller, call }, { ...bare.key, approval_ref })
  return { ...completed, approval }
}

/** Completes a request by its body, as JSON; for a flag with the approval that the body names, null for none. */
type ReadBody = (
  service: ServiceDependencies,
  request: WriteRequest,
  node: JsonObject,
) => Promise<WriteRequest & { readonly approval_ref: string | null }>

const READ_BODY: Readonly<Record<Exclude<ChangedRow['action'], 'delete'>, ReadBody>> = {
  put: (_service, request, node) => {
    const isFlag = request.table === 'flag_registry'
    const { named, rest } = isFlag ? splitApproval(node) : { named: null, rest: node }
    return Promise.resolve({ ...request, body: rest, approval_ref: named })
  },
  transition: (_service, request, node) => {
    const body = requireSchema<TransitionBody>('flag-transition', node)
    const { to, reason, approval_ref = null } = body
    return Promise.resolve({ ...request, detail: { kind: 'transition', to, reason }, approval_ref })
  },
  rollback: async ({ store }, request, node) => {
    const body = requireSchema<RollbackBody>('row-rollback', node)
    const { to_revision, reason, approval_ref = null } = body
    const found = await readRevision(store, request, to_revision)
    // In a put the ref of an override is a member of its row.
    const isRenewed = approval_ref !== null && 'value' in found
    const earlier = isRenewed ? { ...found, approval_ref } : found
    return { ...request, detail: { kind: 'rollback', reason, earlier }, approval_ref }
  },
}
interface TransitionBody {
  readonly to: FlagState
  readonly reason: string
  readonly approval_ref?: string
}
interface RollbackBody extends Omit<TransitionBody, 'to'> {
  readonly to_revision: number
}

/**
 * The row as it was at a revision, which may be the current one.
 *
 * @throws HttpRefusal `flag_unknown`, `override_unknown`, `revision_not_kept`, `row_broken`; and the errors of the store
 */
async function readRevision(
  store: ServiceStore,
  { table, key }: WriteRequest,
  revision: number,
): Promise<AnyRow> {
  const current = await readStoredRow(store, table, key)
  if (current === null)
    throw new HttpRefusal(table === 'flag_registry' ? 'flag_unknown' : 'override_unknown')
  if (current.revision === revision) return current
  const earlier = await store.revision({ table, key, revision })
  if (earlier === null) throw new HttpRefusal('revision_not_kept')
  return requireWholeRow(earlier)
}

/** A change of a flag may name an approval: the body holds `approval_ref` beside the members of the row. */
function splitApproval(node: JsonObject): {
  readonly named: string | null
  readonly rest: JsonNode
} {
  const [member] = node.members.filter(([name]) => name === 'approval_ref')
  if (member === undefined) return { named: null, rest: node }
  const [, ref] = member
  if (typeof ref !== 'string' || !isApprovalRef(ref))
    throw new HttpRefusal('form_wrong', [makeProblem('form_wrong', '/approval_ref')])
  return { named: ref, rest: { members: node.members.filter((one) => one !== member) } }
}

/** Asks for the approval of this flag and the caller's own tenant and user. */
async function fetchApproval(
  { approvals }: ServiceDependencies,
  { caller: { tenant_id, user_id }, call }: Pick<ChangeCall, 'caller' | 'call'>,
  { approval_ref, flag_key }: { readonly approval_ref: string; readonly flag_key: string },
): Promise<NonNullable<WriteRequest['approval']>> {
  const answer = await approvals.begin(call.trace)({ approval_ref, flag_key, tenant_id, user_id })
  return { approval_ref, answer }
}
