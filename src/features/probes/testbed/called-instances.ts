import { closeAfter } from '../../../concurrency/open-all.ts'
import { FfError } from '../../../errors.ts'
import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { makeMissingError, readCallers } from '../framework/staging.ts'
import type { StagingCaller, StagingNeeds, StagingTarget } from '../framework/staging-target.ts'
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
  /** Instances: so many in this process, and of staging at least as many. */
  readonly count: number
  readonly decorate: DecorateInstance
  readonly needs: StagingNeeds
}

/**
 * Lends the instances of staging where some are named, after `checkStaging`; else starts instances in this process as
 * `withCachedServices` does, and makes the callers.
 *
 * @throws FfError `target_missing` for the tokens, for too few instances of staging, and for addresses that do not each lead
 *   to an instance of their own; and as `withCachedServices`
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
  if (staging.instances.length < count)
    throw makeMissingError(`${count} instances, and ${staging.instances.length} are named`)
  return closeAfter(async (keep) => {
    const open = (origin: string) => keep(context.adapters.openClient(origin))
    const instances = await Promise.all(
      staging.instances.map(
        async ({ service, admin }, at) =>
          new ServiceInstance(at, { client: await open(service), admin: await open(admin) }),
      ),
    )
    await requireOwnInstances(instances, callers[0] as StagingCaller, staging)
    return use({ instances, callers, met: { service: `${instances.length} instances of staging` } })
  })
}

/** More than one, so that a load balancer shows too. */
const ASKED_EACH = 4
const EVALUATIONS = { route: 'flags.evaluate' }

/** @throws FfError `target_missing` where what one service is asked is not counted at its own admin port alone */
async function requireOwnInstances(
  instances: readonly ServiceInstance[],
  { headers }: StagingCaller,
  { instances: addresses }: StagingTarget,
): Promise<void> {
  const count = () =>
    Promise.all(instances.map((one) => one.count('ff_http_requests_total', EVALUATIONS)))
  for (const asked of instances) {
    const before = await count()
    for (let time = 0; time < ASKED_EACH; time += 1) await asked.evaluate(headers)
    const after = await count()
    const counted = after.map((sum, at) => sum - (before[at] as number))
    const wrong = counted.findIndex((sum, at) => sum !== (at === asked.at ? ASKED_EACH : 0))
    if (wrong === -1) continue
    const [service, admin] = [addresses[asked.at]?.service ?? '', addresses[wrong]?.admin ?? '']
    throw makeMissingError(
      `instances without other callers, each at two origins of its own: of ${ASKED_EACH} evaluations at ${service}, ${admin} counted ${counted[wrong] ?? ''}`,
    )
  }
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

/** A request to an instance. */
export type ServiceRequest = Parameters<ServiceInstance['send']>[0]
/** Sends a change or an announcement. @throws FfError `proof_inconclusive` where it is not acknowledged */
export async function sendChange(
  instance: ServiceInstance,
  request: ServiceRequest,
): Promise<void> {
  const done = await instance.send(request)
  if (done === null || done.status >= 300) throw makeChangeError('A change was', done)
}

/**
 * Removes rows by their paths, also after one that stays; one that is not there is no fault.
 *
 * @throws FfError `proof_inconclusive` with the first path that may have stayed
 */
export async function removeRows(
  instance: ServiceInstance,
  rows: Iterable<Pick<ServiceRequest, 'path' | 'headers'>>,
): Promise<void> {
  const faults: FfError[] = []
  for (const { path, headers = {} } of rows) {
    const done = await instance.send({ method: 'DELETE', path, headers })
    const isGone = done !== null && (done.status < 300 || done.status === 404)
    if (!isGone) faults.push(makeChangeError(`${path} may have stayed: its removal was`, done))
  }
  const [first] = faults
  if (first !== undefined) throw first
}

const makeChangeError = (
  what: string,
  answer: Awaited<ReturnType<ServiceInstance['send']>>,
): FfError =>
  new FfError('proof_inconclusive', `${what} answered ${answer?.text ?? 'not at all'}.`, {
    hint: 'Send the same request to the service, and correct what it says.',
  })
