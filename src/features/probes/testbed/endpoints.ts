import { TEST_TENANT, TEST_USER } from '../../../core/parity/scene.ts'
import type { HttpRequest, Route } from '../../../ports/http.ts'
import { buildServiceRoutes } from '../../serve/routes.ts'
import { HttpRefusal } from '../../serve/reply.ts'

export type Endpoint = Pick<Route, 'id' | 'method' | 'path'>

/** Every route that a service has, by the table that serves them: a new one is asked as well. */
export const ENDPOINTS: readonly Endpoint[] = buildServiceRoutes(() => {
  throw new HttpRefusal('internal')
})

/** A flag as somebody writes it. */
export const flagBody = (more: object = {}): string =>
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
/** What is sent to a route; to any other an object without members, where it takes one. */
const BODIES: Readonly<Record<string, (flag_key: string) => string>> = {
  'flags.evaluate': (flag_key) => JSON.stringify({ flag_key }),
  'flags.put': () => flagBody(),
  'tenant_overrides.put': () => OVERRIDE,
  'user_overrides.put': () => OVERRIDE,
}

/** A request that a route takes, if it takes the caller. */
export function endpointRequest({ id, method, path }: Endpoint, flag_key: string): HttpRequest {
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
