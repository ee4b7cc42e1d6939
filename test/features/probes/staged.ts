import { IDENTITY_ROUTE, type InstanceIdentity } from '../../../src/features/serve/identity.ts'
import { METRICS_ROUTE } from '../../../src/features/serve/health.ts'
import { toJsonResponse } from '../../../src/features/serve/reply.ts'
import type { StagingTarget } from '../../../src/features/probes/framework/staging-target.ts'
import {
  type CachedServices,
  type DecorateInstance,
  withCachedServices,
} from '../../../src/features/probes/testbed/cached-services.ts'
import type { ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import type { Route } from '../../../src/ports/http.ts'
import { NO_CUTOVER, TERMS } from './context.ts'

/** What the instances of a test say of themselves. */
export const SAID: InstanceIdentity = {
  environment: 'staging',
  code: 'sha256:of-staging',
  schema_head: '0004_feed',
  config_digest: 'c'.repeat(64),
  build: TERMS.identity.build,
  database: '9/1/ff/0123456789abcdef',
}

/** Instances of the service that say that they are staging, and tokens of three callers with these scopes. */
export interface Staged extends CachedServices {
  readonly staging: StagingTarget
}

/**
 * Starts two instances of the service, each of which says `say()` at its admin port.
 *
 * @param decorate changes the adapters that they start with
 */
export function withStaging<T>(
  context: ProbeContext,
  {
    scopes,
    say = () => SAID,
    decorate = (given) => given,
  }: {
    readonly scopes: string
    readonly say?: () => InstanceIdentity
    readonly decorate?: DecorateInstance
  },
  use: (staged: Staged) => Promise<T>,
): Promise<T> {
  const origins = { service: [] as string[], admin: [] as string[] }
  const identity: Route = {
    ...IDENTITY_ROUTE,
    handle: () => Promise.resolve(toJsonResponse(JSON.stringify(say()))),
  }
  const named: DecorateInstance = (own, instance) => {
    const given = decorate(own, instance)
    return {
      ...given,
      openServer: async (routes, options) => {
        const isAdmin = routes.some(({ id }) => id === METRICS_ROUTE.id)
        const server = await given.openServer(isAdmin ? [...routes, identity] : routes, options)
        origins[isAdmin ? 'admin' : 'service'].push(server.origin)
        return server
      },
    }
  }
  return withCachedServices(context, { count: 2, decorate: named }, (services) => {
    const tokens = [0, 1, 2].map((at) => {
      const claims = { sub: `U-${at}`, tid: `T-${at}`, scope: scopes }
      const { authorization } = services.issuer.toCaller(claims)
      return String(authorization).replace('Bearer ', '')
    })
    const instances = origins.service.map((service, at) => ({
      service,
      admin: String(origins.admin[at]),
    }))
    return use({
      ...services,
      staging: {
        instances,
        tokens,
        redis: services.redis.url,
        admin: null,
        approval: null,
        faults: null,
        scopeClaim: 'scope',
        cutover: NO_CUTOVER,
      },
    })
  })
}
