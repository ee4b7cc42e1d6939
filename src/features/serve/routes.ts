import { ANY_TENANT } from '../../core/http-api/access.ts'
import type { HttpMethod, Route } from '../../ports/http.ts'
import { type Changed, changeRoute } from './change.ts'
import { evaluateRoute } from './evaluate.ts'
import { ofrepRoutes } from './ofrep.ts'
import type { Parts } from './dependencies.ts'
import { problemReply, refusalOf } from './reply.ts'
import { listRoute, READ_REGISTRY, rowRoute } from './rows.ts'

const WRITE_OVERRIDE = 'ff:override:write'
type Target = Pick<Changed, 'table' | 'key' | 'need'>

/** What a path is about, and who may change it. */
const FLAG: Target = {
  table: 'flag_registry',
  key: ({ flag = '' }) => ({ scope_id: null, flag_key: flag }),
  need: () => ({ scopes: ['ff:registry:write'], tenant: null }),
}
const TENANT_OVERRIDE: Target = {
  table: 'tenant_override',
  key: ({ tenant = '', flag = '' }) => ({ scope_id: tenant, flag_key: flag }),
  need: ({ scope_id }) => ({ scopes: [WRITE_OVERRIDE], tenant: scope_id }),
}
/** User rows have no tenant, so whoever changes them may change any tenant's. */
const USER_OVERRIDE: Target = {
  table: 'user_override',
  key: ({ user = '', flag = '' }) => ({ scope_id: user, flag_key: flag }),
  need: () => ({ scopes: [WRITE_OVERRIDE, ANY_TENANT], tenant: null }),
}

const put = (parts: Parts, target: Target): Route['handle'] =>
  changeRoute(parts, { ...target, action: 'put' })
const remove = (parts: Parts, target: Target): Route['handle'] =>
  changeRoute(parts, { ...target, action: 'delete' })

type Row = readonly [
  id: string,
  method: HttpMethod,
  path: string,
  make: (parts: Parts) => Route['handle'],
]
const FLAG_PATH = '/v1/flags/:flag'
const TENANT_PATH = '/v1/flags/override/tenant/:tenant/:flag'
const USER_PATH = '/v1/flags/override/user/:user/:flag'
const ROUTES: readonly Row[] = [
  ['flags.evaluate', 'POST', '/v1/flags/evaluate', evaluateRoute],
  ['flags.list', 'GET', '/v1/flags', listRoute],
  [
    'flags.get',
    'GET',
    FLAG_PATH,
    (parts) => rowRoute(parts, { ...FLAG, need: () => READ_REGISTRY }),
  ],
  ['flags.put', 'PUT', FLAG_PATH, (parts) => put(parts, FLAG)],
  ['flags.delete', 'DELETE', FLAG_PATH, (parts) => remove(parts, FLAG)],
  ['tenant_overrides.get', 'GET', TENANT_PATH, (parts) => rowRoute(parts, TENANT_OVERRIDE)],
  ['tenant_overrides.put', 'PUT', TENANT_PATH, (parts) => put(parts, TENANT_OVERRIDE)],
  ['tenant_overrides.delete', 'DELETE', TENANT_PATH, (parts) => remove(parts, TENANT_OVERRIDE)],
  ['user_overrides.get', 'GET', USER_PATH, (parts) => rowRoute(parts, USER_OVERRIDE)],
  ['user_overrides.put', 'PUT', USER_PATH, (parts) => put(parts, USER_OVERRIDE)],
  ['user_overrides.delete', 'DELETE', USER_PATH, (parts) => remove(parts, USER_OVERRIDE)],
]

/** What the service answers, under `/v1` and by OFREP. To add one: its row. */
export const serviceRoutes = (parts: Parts): readonly Route[] => [
  ...ROUTES.map(([id, method, path, make]) => ({
    id,
    method,
    path,
    handle: refusing(make(parts)),
  })),
  ...ofrepRoutes(parts),
]

/** Whatever is refused on purpose becomes a problem detail; a bug goes on up. */
export const refusing =
  (handle: Route['handle']): Route['handle'] =>
  async (call) => {
    try {
      return await handle(call)
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === undefined) throw error
      return problemReply(refusal.code, call.request_id, refusal.places)
    }
  }
