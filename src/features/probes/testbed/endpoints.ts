import { TEST_TENANT, TEST_USER } from '../../../core/parity/scene.ts'
import type { HttpRequest, Route } from '../../../ports/http.ts'
import { buildServiceRoutes } from '../../serve/routes.ts'
import { HttpRefusal } from '../../serve/reply.ts'

/** A route without its handler; `path` holds `:name` parameters. */
export type Endpoint = Pick<Route, 'id' | 'method' | 'path'>

/**
 * Id, method and path of every route of the service, taken from its own route table, so that a new route is
 * included.
 */
export const ENDPOINTS: readonly Endpoint[] = buildServiceRoutes(() => {
  throw new HttpRefusal('internal')
})

/**
 * The body of a PUT of a string flag, as JSON text. Members of `more` replace the defaults or are added, valid or not.
 */
export const buildFlagBody = (more: object = {}): string =>
  JSON.stringify({
    value_type: 'string',
    default_value: 'on',
    safe_value: 'off',
    sensitive: false,
    required_auth: 'any',
    state: 'active',
    description: '',
    owner: 'probe',
    ...more,
  })

const OVERRIDE = JSON.stringify({ value: 'other' })
/** The body for each route; other routes that take a body get `{}`. */
const BODIES: Readonly<Record<string, (flag_key: string) => string>> = {
  'flags.evaluate': (flag_key) => JSON.stringify({ flag_key }),
  'flags.put': () => buildFlagBody(),
  'tenant_overrides.put': () => OVERRIDE,
  'user_overrides.put': () => OVERRIDE,
}

/**
 * A well-formed request to a route: path parameters filled in and encoded (`flag` and `key` with `flag_key`, tenant and
 * user with those of the test, others with their own name), and a JSON body for PUT and POST, `{}` where the route has
 * none of its own; null for other methods. Without headers, so the caller adds the credential.
 */
export function buildEndpointRequest(
  { id, method, path }: Endpoint,
  flag_key: string,
): HttpRequest {
  const params: Readonly<Record<string, string>> = {
    flag: flag_key,
    key: flag_key,
    tenant: TEST_TENANT,
    user: TEST_USER,
  }
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? name),
  )
  const takesBody = method === 'PUT' || method === 'POST'
  return { method, path: filled, body: takesBody ? (BODIES[id]?.(flag_key) ?? '{}') : null }
}
