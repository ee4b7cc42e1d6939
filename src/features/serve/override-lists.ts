import { makeProblem } from '../../core/problem.ts'
import { isFlagKey, isScopeId } from '../../core/rows/grammar.ts'
import type { Route, RouteRequest } from '../../ports/http.ts'
import type { OverrideTable, ServiceStore } from '../../ports/store.ts'
import { authenticateCaller, requireScopes } from './authorize.ts'
import type { GetServiceDependencies } from './dependencies.ts'
import { type ListedRow, type PageQuery, parsePageQuery, toPageResponse } from './page-query.ts'
import { HttpRefusal } from './reply.ts'
import { READ_REGISTRY } from './rows.ts'

/** What a list of overrides is about, and how it is read. */
interface OverrideList {
  /** The parameter of the path. */
  readonly param: 'flag' | 'tenant' | 'user'
  readonly isParam: (text: string) => boolean
  readonly isAfter: (text: string) => boolean
  /** Reads at most `limit` overrides. */
  readonly read: (
    store: ServiceStore,
    value: string,
    page: PageQuery,
  ) => Promise<readonly ListedRow[]>
}

/** The overrides of one tenant or user, by flag key. */
const ofScope = (param: 'tenant' | 'user', table: OverrideTable): OverrideList => ({
  param,
  isParam: isScopeId,
  isAfter: isFlagKey,
  read: async (store, value, page) => {
    const rows = await store.overrides({ table, by: 'scope_id', value, ...page })
    return rows.map(({ key, held }) => ({ held, after: key.flag_key }))
  },
})

/** The tables of a flag's overrides in the order of its list, each with the prefix of its ids. */
const OF_FLAG = [
  ['tenant_override', 'tenant/'],
  ['user_override', 'user/'],
] as const
const isPlace = (text: string): boolean =>
  OF_FLAG.some(([, prefix]) => text.startsWith(prefix) && isScopeId(text.slice(prefix.length)))

async function readOfFlag(
  store: ServiceStore,
  value: string,
  { limit, after }: PageQuery,
): Promise<readonly ListedRow[]> {
  const from = OF_FLAG.findIndex(([, prefix]) => after?.startsWith(prefix) ?? true)
  const found: ListedRow[] = []
  for (const [at, [table, prefix]] of OF_FLAG.entries()) {
    if (at < from || found.length === limit) continue
    const past = at === from && after !== null ? after.slice(prefix.length) : null
    const terms = {
      table,
      by: 'flag_key',
      value,
      after: past,
      limit: limit - found.length,
    } as const
    for (const { key, held } of await store.overrides(terms))
      found.push({ held, after: `${prefix}${key.scope_id}` })
  }
  if (found.length === 0 && (await isUnknown(store, value))) throw new HttpRefusal('flag_unknown')
  return found
}
const isUnknown = async (store: ServiceStore, flag_key: string): Promise<boolean> =>
  (await store.read({ flag_key, tenant_id: null, user_id: null })).flag === null

/** The lists of overrides by the parameter of their path. */
const LISTS: Readonly<Record<OverrideList['param'], OverrideList>> = {
  flag: { param: 'flag', isParam: isFlagKey, isAfter: isPlace, read: readOfFlag },
  tenant: ofScope('tenant', 'tenant_override'),
  user: ofScope('user', 'user_override'),
}

/** The member of a row that has the parameter of a path. */
const MEMBER = { flag: '/flag_key', tenant: '/tenant_id', user: '/user_id' } as const

/**
 * The handler of a list of live overrides: of a flag, tenants before users and each by id; of a tenant or a user, by
 * flag key. One page as `overrides` and `next`, the `after` of the following page or null on the last; 304 for the tag
 * of the same page.
 *
 * @throws HttpRefusal for caller, scope or tenant, `form_wrong` for a malformed path, `query_invalid`, `flag_unknown`,
 *   `row_broken` for a broken row on the page; and the errors of the store
 */
export function createOverrideListRoute(
  parts: GetServiceDependencies,
  param: OverrideList['param'],
): Pick<Route, 'handle'> {
  const { isParam, isAfter, read } = LISTS[param]
  const handle = async (call: RouteRequest) => {
    const service = parts()
    const value = call.params[param] ?? ''
    const need = { ...READ_REGISTRY, tenant: param === 'tenant' ? value : null }
    requireScopes(await authenticateCaller(service, call, service.now()), need)
    if (!isParam(value))
      throw new HttpRefusal('form_wrong', [makeProblem('form_wrong', MEMBER[param])])
    const { limit, after } = parsePageQuery(call.query, isAfter)
    const found = await read(service.store, value, { after, limit: limit + 1 })
    return toPageResponse(call, 'overrides', { found, limit })
  }
  return { handle }
}
