import { ANY_TENANT } from '../../core/http-api/access.ts'
import type { HttpMethod, Route } from '../../ports/http.ts'
import { type AnnouncementRoute, createAnnouncementRoute } from './announce.ts'
import { createAuditRoute } from './audit.ts'
import { CHANGES_PATH, createChangesRoute } from './changes.ts'
import { type ChangedRow, createChangeRoute } from './change.ts'
import { createEvaluateRoute } from './evaluate.ts'
import { createOfrepRoutes } from './ofrep.ts'
import type { GetServiceDependencies } from './dependencies.ts'
import { createOverrideListRoute } from './override-lists.ts'
import { toProblemResponse, toHttpRefusal } from './reply.ts'
import { createListRoute, READ_REGISTRY, createRowRoute } from './rows.ts'

const WRITE_OVERRIDE = 'ff:override:write'
type Target = Pick<ChangedRow, 'table' | 'key' | 'need'>

/** The row that a path names, and the scopes that a change requires. */
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
/** User rows have no tenant, so changing one requires the scope for any tenant. */
const USER_OVERRIDE: Target = {
  table: 'user_override',
  key: ({ user = '', flag = '' }) => ({ scope_id: user, flag_key: flag }),
  need: () => ({ scopes: [WRITE_OVERRIDE, ANY_TENANT], tenant: null }),
}

const INVALIDATE: AnnouncementRoute = {
  need: { scopes: ['ff:operator'], tenant: null },
  schema: 'cache-invalidation',
  unnamed: '*',
}
const APPROVAL_CHANGED: AnnouncementRoute = {
  need: { scopes: ['ff:approval:notify'], tenant: null },
  schema: 'approval-changed',
  kind: 'approval',
  unnamed: 'approval/*',
}

type Handlers = Pick<Route, 'handle' | 'refused'>
const put = (parts: GetServiceDependencies, target: Target): Handlers =>
  createChangeRoute(parts, { ...target, action: 'put' })
const remove = (parts: GetServiceDependencies, target: Target): Handlers =>
  createChangeRoute(parts, { ...target, action: 'delete' })
const rollback = (parts: GetServiceDependencies, target: Target): Handlers =>
  createChangeRoute(parts, { ...target, action: 'rollback' })
const get = (parts: GetServiceDependencies, target: Target): Handlers => ({
  handle: createRowRoute(parts, target),
})

type Row = readonly [
  id: string,
  method: HttpMethod,
  path: string,
  make: (parts: GetServiceDependencies) => Handlers,
]
const FLAG_PATH = '/v1/flags/:flag'
const TENANT_PATH = '/v1/flags/override/tenant/:tenant/:flag'
const USER_PATH = '/v1/flags/override/user/:user/:flag'
const ROUTES: readonly Row[] = [
  [
    'flags.evaluate',
    'POST',
    '/v1/flags/evaluate',
    (parts) => ({ handle: createEvaluateRoute(parts) }),
  ],
  ['changes', 'GET', CHANGES_PATH, (parts) => ({ handle: createChangesRoute(parts) })],
  ['flags.list', 'GET', '/v1/flags', (parts) => ({ handle: createListRoute(parts) })],
  ['flags.get', 'GET', FLAG_PATH, (parts) => get(parts, { ...FLAG, need: () => READ_REGISTRY })],
  ['flags.put', 'PUT', FLAG_PATH, (parts) => put(parts, FLAG)],
  ['flags.delete', 'DELETE', FLAG_PATH, (parts) => remove(parts, FLAG)],
  [
    'flags.transition',
    'POST',
    `${FLAG_PATH}/transition`,
    (parts) => createChangeRoute(parts, { ...FLAG, action: 'transition' }),
  ],
  ['flags.rollback', 'POST', `${FLAG_PATH}/rollback`, (parts) => rollback(parts, FLAG)],
  [
    'flags.overrides',
    'GET',
    `${FLAG_PATH}/overrides`,
    (parts) => createOverrideListRoute(parts, 'flag'),
  ],
  [
    'tenants.overrides',
    'GET',
    '/v1/tenants/:tenant/overrides',
    (parts) => createOverrideListRoute(parts, 'tenant'),
  ],
  [
    'users.overrides',
    'GET',
    '/v1/users/:user/overrides',
    (parts) => createOverrideListRoute(parts, 'user'),
  ],
  [
    'cache.invalidate',
    'POST',
    '/v1/flags/cache/invalidate',
    (parts) => createAnnouncementRoute(parts, INVALIDATE),
  ],
  [
    'approvals.changed',
    'POST',
    '/v1/approvals/changed',
    (parts) => createAnnouncementRoute(parts, APPROVAL_CHANGED),
  ],
  ['audit.list', 'GET', '/v1/audit', (parts) => ({ handle: createAuditRoute(parts) })],
  ['tenant_overrides.get', 'GET', TENANT_PATH, (parts) => get(parts, TENANT_OVERRIDE)],
  ['tenant_overrides.put', 'PUT', TENANT_PATH, (parts) => put(parts, TENANT_OVERRIDE)],
  ['tenant_overrides.delete', 'DELETE', TENANT_PATH, (parts) => remove(parts, TENANT_OVERRIDE)],
  [
    'tenant_overrides.rollback',
    'POST',
    `${TENANT_PATH}/rollback`,
    (parts) => rollback(parts, TENANT_OVERRIDE),
  ],
  ['user_overrides.get', 'GET', USER_PATH, (parts) => get(parts, USER_OVERRIDE)],
  ['user_overrides.put', 'PUT', USER_PATH, (parts) => put(parts, USER_OVERRIDE)],
  ['user_overrides.delete', 'DELETE', USER_PATH, (parts) => remove(parts, USER_OVERRIDE)],
  [
    'user_overrides.rollback',
    'POST',
    `${USER_PATH}/rollback`,
    (parts) => rollback(parts, USER_OVERRIDE),
  ],
]

/**
 * The routes under `/v1` and those of OFREP, with refusals turned into responses; `parts` is called at each request.
 * A new `/v1` route is a row of ROUTES.
 */
export const buildServiceRoutes = (parts: GetServiceDependencies): readonly Route[] => [
  ...ROUTES.map(([id, method, path, make]) => {
    const handlers = make(parts)
    return { id, method, path, ...handlers, handle: withRefusals(handlers.handle) }
  }),
  ...createOfrepRoutes(parts),
]

/**
 * Wraps a handler: a refusal, or an FfError with a code of the service, becomes a problem detail (RFC 9457). @throws
 * other errors on to the server
 */
export const withRefusals =
  (handle: Route['handle']): Route['handle'] =>
  async (call) => {
    try {
      return await handle(call)
    } catch (error) {
      const refusal = toHttpRefusal(error)
      if (refusal === undefined) throw error
      return toProblemResponse(refusal.code, call.request_id, refusal)
    }
  }
