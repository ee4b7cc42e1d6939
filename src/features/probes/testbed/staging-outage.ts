import { setTimeout as sleep } from 'node:timers/promises'
import type { BeforeAndDuring } from '../../../core/load-stats/load.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { ProbeContext } from '../framework/probe.ts'
import type { StagingCaller, StagingNeeds } from '../framework/staging-target.ts'
import type { ServiceInstance } from './cached-services.ts'
import { CalledInstance, putSensitiveFlag } from './called-events.ts'
import { withCalledInstances } from './called-instances.ts'
import { type MixedLoad, readMixedPace, runMixedLoad } from './mixed-load.ts'
import { withStagingFault } from './staging-faults.ts'
import { createStagingLoad } from './staging-load.ts'

/** How long Admin may take to be asked again after a failure: longer than its breaker stays open. */
const BACK_MS = 60_000
const LOOK_MS = 250
const WARM_REQUESTS = 100

/**
 * Loads the instances of staging before and while the program of FF_STAGING_FAULTS lets their Admin fail, so many times;
 * each time once every instance has an answer of Admin again.
 *
 * @throws FfError `proof_inconclusive` where Admin does not answer before, or answered most calls of an instance meanwhile;
 *   as `withCalledInstances` and `withStagingFault`
 */
export function runStagingOutages(
  count: number,
  needs: StagingNeeds,
  context: ProbeContext,
): Promise<readonly BeforeAndDuring[]> {
  const wanted = { count: needs.instances, decorate: (own: Adapters) => own, needs }
  return withCalledInstances(context, wanted, async ({ instances, callers }) => {
    const caller = callers[0] as StagingCaller
    const called = instances.map((one) => new CalledInstance(one, caller))
    await (called[0] as CalledInstance).change()
    await putSensitiveFlag(instances[0] as ServiceInstance, caller)
    const load: MixedLoad = {
      ordinary: createStagingLoad(instances, callers),
      sensitive: (at) => (called[at % called.length] as CalledInstance).evaluateSensitive(),
      signal: context.signal,
    }
    const pace = readMixedPace(context)
    const runs: BeforeAndDuring[] = []
    for (let at = 0; at < count && !context.signal.aborted; at += 1) {
      await untilAnswered(instances, called, context)
      await runMixedLoad(load, { ...pace, requests: WARM_REQUESTS })
      const before = await runMixedLoad(load, pace)
      const during = await withStagingFault(context, 'admin', async () => {
        const calls = await countCalls(instances)
        const measured = await runMixedLoad(load, pace)
        requireFailed(calls, await countCalls(instances))
        return measured
      })
      runs.push({ before, during })
    }
    return runs
  })
}

/** Waits until each instance has an answer of Admin. @throws FfError `proof_inconclusive` */
async function untilAnswered(
  instances: readonly ServiceInstance[],
  called: readonly CalledInstance[],
  { signal }: ProbeContext,
): Promise<void> {
  const before = await countCalls(instances)
  const until = performance.now() + BACK_MS
  while (performance.now() < until) {
    for (const one of called) await one.evaluateSensitive()
    const now = await countCalls(instances)
    if (now.every(({ answered }, at) => answered > (before[at]?.answered ?? Infinity))) return
    await sleep(LOOK_MS, undefined, { signal })
  }
  throw makeOutageError('Admin did not answer each instance before its failure')
}

interface Calls {
  readonly answered: number
  /** Also those that the breaker kept back. */
  readonly unanswered: number
}
const countCalls = (instances: readonly ServiceInstance[]): Promise<readonly Calls[]> =>
  Promise.all(
    instances.map(async (one) => {
      const count = (outcome: string) => one.count('ff_admin_calls_total', { outcome })
      const [answered, failed, refused] = [
        await count('answered'),
        await count('failed'),
        await count('refused'),
      ]
      return { answered, unanswered: failed + refused }
    }),
  )

/** @throws FfError `proof_inconclusive` where most calls of an instance were answered, or its metrics are not there */
function requireFailed(before: readonly Calls[], after: readonly Calls[]): void {
  const spared = after.findIndex(({ answered, unanswered }, at) => {
    const { answered: first = Number.NaN, unanswered: none = Number.NaN } = before[at] ?? {}
    return !(unanswered - none > answered - first)
  })
  if (spared !== -1)
    throw makeOutageError(`Admin answered most calls of instance ${spared} during its failure`)
}

const makeOutageError = (what: string): FfError =>
  new FfError('proof_inconclusive', `${what}, so its failure was not measured.`, {
    hint: 'Look at ff_admin_calls_total of the instances, and at what the program of FF_STAGING_FAULTS does.',
  })
