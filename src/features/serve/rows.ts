import { makeProblem } from '../../core/problem.ts'
import type { ScopeRequirement } from '../../core/http-api/access.ts'
import { isFlagKey, isScopeId } from '../../core/rows/grammar.ts'
import {
  type AnyRow,
  type RowKey,
  type RowOrBroken,
  serializeRow,
  type TableName,
} from '../../core/rows/rows.ts'
import type { RouteRequest, RouteResponse } from '../../ports/http.ts'
import type { ServiceStore } from '../../ports/store.ts'
import { authenticateCaller, requireScopes } from './authorize.ts'
import { toRowResponse } from './change.ts'
import { DEFAULT_PAGE, type GetServiceDependencies, MAX_PAGE } from './dependencies.ts'
import { HttpRefusal, toJsonResponse } from './reply.ts'

/** The scope to read flags, of any tenant. */
export const READ_REGISTRY: ScopeRequirement = { scopes: ['ff:registry:read'], tenant: null }

/**
 * The handler of `GET /v1/flags`: one page by key, as `flags` and `next`, the `after` of the following page or null
 * on the last.
 *
 * @throws HttpRefusal for caller or scope, `query_invalid`, `row_broken` for a broken row on the page; and the errors
 *   of the store
 */
export const createListRoute =
  (parts: GetServiceDependencies) =>
  async (call: RouteRequest): Promise<RouteResponse> => {
    const service = parts()
    requireScopes(await authenticateCaller(service, call, service.now()), READ_REGISTRY)
    const { limit, after } = parsePageQuery(call.query)
    const entries = await service.store.page({ after, limit: limit + 1 })
    const listed = entries.slice(0, limit)
    const next = entries.length > limit ? (listed.at(-1)?.flag_key ?? null) : null
    const rows = listed.map(({ held }) => serializeRow(requireWholeRow(held) as AnyRow))
    return toJsonResponse(`{"flags":[${rows.join(',')}],"next":${JSON.stringify(next)}}`)
  }

function parsePageQuery(query: URLSearchParams): {
  readonly limit: number
  readonly after: string | null
} {
  const unknown = [...query.keys()].find((name) => name !== 'limit' && name !== 'after')
  const repeated = ['limit', 'after'].find((name) => query.getAll(name).length > 1)
  if (unknown !== undefined || repeated !== undefined)
    throw makeQueryRefusal(unknown ?? repeated ?? '')
  const text = query.get('limit') ?? String(DEFAULT_PAGE)
  const limit = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : Number.NaN
  if (!(limit <= MAX_PAGE)) throw makeQueryRefusal('limit')
  const after = query.get('after')
  if (after !== null && !isFlagKey(after)) throw makeQueryRefusal('after')
  return { limit, after }
}
const makeQueryRefusal = (name: string): HttpRefusal =>
  new HttpRefusal('query_invalid', [makeProblem('form_wrong', `/${name}`)])

/**
 * The handler of `GET` of one row, with its revision as ETag. An archived flag is served.
 *
 * @throws HttpRefusal for caller or scope, `form_wrong` for a malformed key, `row_broken`, `flag_unknown`,
 *   `override_unknown` for a missing or deleted override; and the errors of the store
 */
export const createRowRoute =
  (
    parts: GetServiceDependencies,
    listed: {
      readonly table: TableName
      readonly key: (params: RouteRequest['params']) => RowKey
      readonly need: (key: RowKey) => ScopeRequirement
    },
  ) =>
  async (call: RouteRequest): Promise<RouteResponse> => {
    const service = parts()
    const caller = await authenticateCaller(service, call, service.now())
    const key = listed.key(call.params)
    requireScopes(caller, listed.need(key))
    const { flag_key, scope_id } = key
    if (!isFlagKey(flag_key) || (scope_id !== null && !isScopeId(scope_id)))
      throw new HttpRefusal('form_wrong', [makeProblem('form_wrong', '')])
    const row = requireWholeRow(await readRow(service.store, listed.table, key))
    if (row === null || ('deleted_at' in row && row.deleted_at !== undefined))
      throw new HttpRefusal(listed.table === 'flag_registry' ? 'flag_unknown' : 'override_unknown')
    return toRowResponse(row)
  }

async function readRow(
  store: ServiceStore,
  table: TableName,
  { flag_key, scope_id }: RowKey,
): Promise<RowOrBroken<AnyRow> | null> {
  const set = await store.read({
    flag_key,
    tenant_id: table === 'tenant_override' ? scope_id : null,
    user_id: table === 'user_override' ? scope_id : null,
  })
  return { flag_registry: set.flag, tenant_override: set.tenant, user_override: set.user }[table]
}

/** @throws HttpRefusal `row_broken`: a stored row that breaks its schema is never served */
function requireWholeRow(held: RowOrBroken<AnyRow> | null): AnyRow | null {
  if (held === null) return null
  if (held.row === undefined) throw new HttpRefusal('row_broken')
  return held.row
}
