import type { ScopeRequirement } from '../../core/http-api/access.ts'
import { formatEntityTag } from '../../core/http-api/preconditions.ts'
import { isFlagKey } from '../../core/rows/grammar.ts'
import { findKeyProblems } from '../../core/rows/write-request.ts'
import { type RowKey, serializeRow, type TableName } from '../../core/rows/rows.ts'
import type { RouteRequest, RouteResponse } from '../../ports/http.ts'
import { authenticateCaller, requireScopes } from './authorize.ts'
import type { GetServiceDependencies } from './dependencies.ts'
import { parsePageQuery, toPageResponse } from './page-query.ts'
import { HttpRefusal, toTaggedResponse } from './reply.ts'
import { readStoredRow } from './stored-row.ts'

/** The scope to read flags, of any tenant. */
export const READ_REGISTRY: ScopeRequirement = { scopes: ['ff:registry:read'], tenant: null }

/**
 * The handler of `GET /v1/flags`: one page by key, as `flags` and `next`, the `after` of the following page or null
 * on the last; 304 for the tag of the same page.
 *
 * @throws HttpRefusal for caller or scope, `query_invalid`, `row_broken` for a broken row on the page; and the errors
 *   of the store
 */
export const createListRoute =
  (parts: GetServiceDependencies) =>
  async (call: RouteRequest): Promise<RouteResponse> => {
    const service = parts()
    requireScopes(await authenticateCaller(service, call, service.now()), READ_REGISTRY)
    const { limit, after } = parsePageQuery(call.query, isFlagKey)
    const entries = await service.store.page({ after, limit: limit + 1 })
    const found = entries.map(({ flag_key, held }) => ({ held, after: flag_key }))
    return toPageResponse(call, 'flags', { found, limit })
  }

/**
 * The handler of `GET` of one row, with its revision as ETag; 304 for that tag. An archived flag is served.
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
    const problems = findKeyProblems(listed.table, key)
    if (problems.length > 0) throw new HttpRefusal('form_wrong', problems)
    const row = await readStoredRow(service.store, listed.table, key)
    if (row === null || ('deleted_at' in row && row.deleted_at !== undefined))
      throw new HttpRefusal(listed.table === 'flag_registry' ? 'flag_unknown' : 'override_unknown')
    return toTaggedResponse(call, serializeRow(row), formatEntityTag(row.revision))
  }
