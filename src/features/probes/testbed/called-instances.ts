import { closeAfter } from '../../../concurrency/open-all.ts'
import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { readCallers } from '../framework/staging.ts'
import type { StagingCaller, StagingNeeds } from '../framework/staging-target.ts'
import {
  type CachedService,
  type DecorateInstance,
  ServiceInstance,
  withCachedServices,
} from './cached-services.ts'

/** Instances of the service, and callers that may do what a probe needs. */
export interface CalledInstances {
  readonly instances: readonly ServiceInstance[]
  readonly callers: readonly StagingCaller[]
  /** What they are, for the record. */
  readonly met: Measurement['met']
}
interface Wanted {
  /** Instances where none of staging are named. */
  readonly count: number
  readonly decorate: DecorateInstance
  readonly needs: StagingNeeds
}

/**
 * Lends the instances of staging where some are named, after `checkStaging`; else starts instances in this process as
 * `withCachedServices` does, and makes the callers.
 *
 * @throws FfError `target_missing` for the tokens, and as `withCachedServices`
 */
export const withCalledInstances = <T>(
  context: ProbeContext,
  { count, decorate, needs }: Wanted,
  use: (called: CalledInstances) => Promise<T>,
): Promise<T> => {
  const { staging } = context.targets
  if (staging === undefined)
    return withCachedServices(context, { count, decorate }, ({ instances, database, redis }) =>
      use({
        instances,
        callers: makeCallers(instances[0] as CachedService, needs),
        met: {
          service: `${count} instances in this process, over HTTP on loopback, on a scratch database`,
          server: `PostgreSQL ${database.server}`,
          redis: `Redis ${redis.version}`,
        },
      }),
    )
  const callers = readCallers(needs, staging)
  return closeAfter(async (keep) => {
    const open = (origin: string) => keep(context.adapters.openClient(origin))
    const instances = await Promise.all(
      staging.instances.map(
        async ({ service, admin }, at) =>
          new ServiceInstance(at, { client: await open(service), admin: await open(admin) }),
      ),
    )
    return use({ instances, callers, met: { service: `${instances.length} instances of staging` } })
  })
}

const makeCallers = (
  service: CachedService,
  { callers, scopes }: StagingNeeds,
): readonly StagingCaller[] =>
  Array.from({ length: callers }, (_, at) => {
    const [tenant_id, user_id] = [`T-told-${at}`, `operator-${at}`]
    const claims = { tid: tenant_id, sub: user_id, scope: scopes.join(' ') }
    return { headers: service.toHeaders(claims), tenant_id, user_id }
  })
