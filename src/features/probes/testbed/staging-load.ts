import { randomUUID } from 'node:crypto'
import type { StagingCaller } from '../framework/staging-target.ts'
import type { ServiceInstance } from './cached-services.ts'
import type { SendRequest } from './load-generator.ts'

const TENANTS = 50

/**
 * Sends evaluations of the generated flag to instances in turn, each for another user, whom no earlier run has named: no cache
 * has what it reads, so that each reaches the store. Resolves to whether the answer was a decision by the store.
 *
 * @param callers who may evaluate for any user, in turn
 */
export function createStagingLoad(
  instances: readonly ServiceInstance[],
  callers: readonly StagingCaller[],
): SendRequest {
  const run = randomUUID()
  return async (at) => {
    const instance = instances[at % instances.length] as ServiceInstance
    const { headers } = callers[at % callers.length] as StagingCaller
    const whom = { tenant_id: `T-load-${at % TENANTS}`, user_id: `U-load-${run}-${at}` }
    return (await instance.evaluate(headers, whom)).ok
  }
}
