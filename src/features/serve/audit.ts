import { serializeRecord } from '../../core/audit/record.ts'
import type { ScopeRequirement } from '../../core/http-api/access.ts'
import { type Instant, parseInstant } from '../../core/rows/instant.ts'
import type { RouteRequest, RouteResponse } from '../../ports/http.ts'
import { authenticateCaller, requireScopes } from './authorize.ts'
import type { GetServiceDependencies } from './dependencies.ts'
import { makeQueryRefusal, parsePageQuery } from './page-query.ts'
import { toJsonResponse } from './reply.ts'

/** The scope to read the audit trail, of any tenant. */
const READ_AUDIT: ScopeRequirement = { scopes: ['ff:audit:read'], tenant: null }
const SEQ = /^[1-9]\d{0,14}$/
/** More than the longest target of a change, percent-encoded. */
const TARGET = /^[!-~]{1,1024}$/

/**
 * The handler of `GET /v1/audit`: one page of audit records, newest first, as `records` and `next`, the `after` of the
 * following page or null on the last, each record with its sink status. A page may hold fewer records than `limit`, also none, and go on.
 *
 * @throws HttpRefusal for caller or scope, `query_invalid`; and the errors of the store
 */
export const createAuditRoute =
  (parts: GetServiceDependencies) =>
  async (call: RouteRequest): Promise<RouteResponse> => {
    const service = parts()
    requireScopes(await authenticateCaller(service, call, service.now()), READ_AUDIT)
    const { query } = call
    const { limit, after } = parsePageQuery(query, (text) => SEQ.test(text), FILTERS)
    const target = query.get('target')
    if (target !== null && !TARGET.test(target)) throw makeQueryRefusal('target')
    const { records, next, sinkStatus } = await service.store.audit({
      after: after === null ? null : Number(after),
      target,
      since: parseBound(query, 'since'),
      until: parseBound(query, 'until'),
      limit,
    })
    const listed = records.map((record) => serializeRecord(record, sinkStatus(record.seq)))
    return toJsonResponse(`{"next":${next},"records":[${listed.join(',')}]}`)
  }
const FILTERS = ['target', 'since', 'until']

function parseBound(query: URLSearchParams, name: 'since' | 'until'): Instant | null {
  const text = query.get(name)
  const time = text === null ? null : parseInstant(text)
  if (time === undefined) throw makeQueryRefusal(name)
  return time
}
