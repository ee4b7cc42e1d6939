import { setTimeout as sleep } from 'node:timers/promises'
import { type LoadArrival, planPace } from '../../core/load-stats/load.ts'
import { FfError } from '../../errors.ts'
import type { ScratchRedis } from '../../ports/redis.ts'
import { endWithoutRedis, withoutWayRound } from './faults/broken-cache.ts'
import { createFastClock } from './faults/spoiled-metrics.ts'
import {
  defineProbe,
  inContext,
  fromValue,
  type ProbeContext,
  readNumberParam,
} from './framework/probe.ts'
import {
  type CachedService,
  type CachedServices,
  type DecorateInstance,
  withCachedServices,
} from './testbed/cached-services.ts'
import { runLoad } from './testbed/load-generator.ts'

/** How Redis goes away and comes back. */
interface Outage {
  readonly name: 'refused' | 'hung'
  readonly begin: (redis: ScratchRedis) => Promise<void>
  readonly end: (redis: ScratchRedis) => Promise<void>
}
const REFUSED: Outage = {
  name: 'refused',
  begin: (redis) => redis.stop(),
  end: (redis) => redis.start(),
}
const HUNG: Outage = {
  name: 'hung',
  begin: async (redis) => redis.pause(),
  end: async (redis) => redis.resume(),
}

interface OutageInput {
  readonly decorate: DecorateInstance
  readonly outages: readonly Outage[]
}

const INSTANCES = 2
/** The tenants whose value changes, and those that are asked for. */
const TENANTS = Array.from({ length: 20 }, (_, at) => `T-outage-${at}`)
const CHANGE_EVERY_MS = 50
/** An instance that does not use Redis again by then never recovers, as far as is measured. */
const GIVE_UP_S = 90
const LOOK_EVERY_MS = 50

/** One outage, one second of load, at a clock by which the wait for the recovery is short. */
const faulty = (decorate: DecorateInstance) =>
  inContext(
    fromValue((): OutageInput => ({ decorate, outages: [REFUSED] })),
    ({ now, params }) => ({
      now: createFastClock(now, 20),
      params: { ...params, requests: 200, seconds: 1 },
    }),
  )
const noWayRound = faulty(withoutWayRound)

/**
 * D3: decisions and changes of two instances of the service in this process, on a scratch database, while their Redis
 * refuses connections and while it hangs: values that a known change had replaced, failed answers, instances that do not
 * answer any more, and the longest time from the return of Redis until each instance gives the others an entry through
 * it. The controls answer with old rows, reject reads, do not connect again, or end an instance.
 *
 * Inconclusive (`proof_inconclusive`) where no call to Redis was without a result during an outage.
 */
export const cacheOutage = defineProbe<
  OutageInput,
  'wrong_decisions' | 'error_share' | 'restarts' | 'recovery_s'
>({
  version: 1,
  site: 'scratch',
  isolation: 'exclusive',
  sound: fromValue((): OutageInput => ({
    decorate: (adapters) => adapters,
    outages: [REFUSED, HUNG],
  })),
  faulty: {
    wrong_decisions: noWayRound,
    error_share: noWayRound,
    restarts: faulty(endWithoutRedis),
    recovery_s: noWayRound,
  },
  measure: ({ decorate, outages }, context) =>
    withCachedServices(context, { count: INSTANCES, decorate }, async (services) => {
      const runs: OutageRun[] = []
      for (const outage of outages) {
        runs.push(await new OutageMeasurement(services, context).run(outage))
        context.progress(runs.length, outages.length)
      }
      const sum = (of: (run: OutageRun) => number): number =>
        runs.reduce((all, run) => all + of(run), 0)
      const requests = sum((run) => run.requests)
      return {
        measured: {
          wrong_decisions: sum((run) => run.wrong.length),
          error_share: Math.max(...runs.map(({ failed, requests: of }) => failed / of)),
          restarts: sum((run) => run.ended),
          recovery_s: Math.max(...runs.map(({ recovery_s }) => recovery_s)),
        },
        met: {
          service: `${INSTANCES} instances in this process, over HTTP on loopback, on a scratch database`,
          server: `PostgreSQL ${services.database.server}`,
          redis: `Redis ${services.redis.version}`,
          changes: sum((run) => run.changes),
          ...Object.fromEntries(
            runs.map((run, at) => [
              `outage ${at + 1}, Redis ${outages[at]?.name ?? ''}`,
              `${run.requests} requests, ${run.failed} failed, ${run.cacheErrors} calls to Redis without a result`,
            ]),
          ),
        },
        sample_size: requests,
        example: runs.flatMap(({ wrong, failures }) => [...wrong, ...failures])[0] ?? null,
      }
    }),
})

interface OutageRun {
  readonly requests: number
  readonly failed: number
  readonly changes: number
  /** Each wrong decision in words, and each failed answer. */
  readonly wrong: readonly string[]
  readonly failures: readonly string[]
  /** Instances that do not answer any more. */
  readonly ended: number
  readonly recovery_s: number
  /** Calls to Redis without a result; NaN where an instance gives no metrics. */
  readonly cacheErrors: number
}

/** Measures one outage. */
class OutageMeasurement {
  private readonly services: CachedServices
  private readonly context: ProbeContext
  private readonly wrong: string[] = []
  private readonly failures: string[] = []
  private nextValue = 1
  private failedChanges = 0
  private changes = 0

  constructor(services: CachedServices, context: ProbeContext) {
    this.services = services
    this.context = context
  }

  async run(outage: Outage): Promise<OutageRun> {
    const { redis, instances } = this.services
    for (const tenant of TENANTS) await this.change(tenant)
    await this.askAll()
    const before = await this.countErrors()
    await outage.begin(redis)
    const arrivals = await this.runLoadWithChanges()
    const cacheErrors = (await this.countErrors()) - before
    if (cacheErrors === 0) throw makeUnnoticedError(outage)
    await outage.end(redis)
    const alive = await Promise.all(instances.map((one) => one.isAlive()))
    const ended = alive.filter((is) => !is).length
    const recovery_s = ended > 0 ? GIVE_UP_S : await this.waitForRecovery()
    // What Redis held during the outage must not come back.
    const later = ended > 0 ? [] : await this.askAll()
    const answered = [...arrivals.map(({ ok }) => ok), ...later]
    return {
      requests: answered.length + this.changes,
      failed: answered.filter((ok) => !ok).length + this.failedChanges,
      changes: this.changes,
      wrong: this.wrong,
      failures: this.failures,
      ended,
      recovery_s,
      cacheErrors,
    }
  }

  private async runLoadWithChanges(): Promise<readonly LoadArrival[]> {
    const { context } = this
    const pace = planPace({
      least_per_s: 0,
      requests: readNumberParam(context, 'requests'),
      seconds: readNumberParam(context, 'seconds'),
    })
    const ended = new AbortController()
    const changing = this.changeUntil(ended.signal)
    const arrivals = await runLoad(
      (at) => this.ask(at, TENANTS[at % TENANTS.length]),
      pace,
      context.signal,
    )
    ended.abort()
    await changing
    return arrivals
  }

  private async changeUntil(signal: AbortSignal): Promise<void> {
    for (let at = 0; !signal.aborted; at += 1) {
      await this.change(TENANTS[at % TENANTS.length] ?? '', at)
      await sleep(CHANGE_EVERY_MS)
    }
  }

  private async change(tenant: string, at = 0): Promise<void> {
    const { instances } = this.services
    this.changes += 1
    const isDone = await instances[at % instances.length]?.put(tenant, this.nextValue++)
    if (isDone === true) return
    this.failedChanges += 1
    this.failures.push(`instance ${at % instances.length} did not acknowledge a change`)
  }

  /** @returns whether the answer was a decision, wrong or not */
  private async ask(at: number, tenant = ''): Promise<boolean> {
    const { instances, ledger } = this.services
    const asked = await instances[at % instances.length]?.ask(tenant)
    if (asked?.ok !== true) {
      this.failures.push(`instance ${at % instances.length} answered ${asked?.why ?? ''}`)
      return false
    }
    const { answer } = asked
    if (!ledger.allows(tenant, answer))
      this.wrong.push(
        `instance ${answer.by} answered ${answer.value} for ${tenant}, which was ${ledger.last(tenant)?.value ?? 'never set'}`,
      )
    return true
  }

  private async askAll(): Promise<readonly boolean[]> {
    const asked: boolean[] = []
    for (const tenant of TENANTS)
      for (const { at } of this.services.instances) asked.push(await this.ask(at, tenant))
    return asked
  }

  private async countErrors(): Promise<number> {
    const counts = await Promise.all(
      this.services.instances.map((one) => one.count('ff_cache_errors_total')),
    )
    return counts.reduce((sum, one) => sum + one, 0)
  }

  /** Until each instance has found an entry in Redis that another one stored, in seconds. */
  private async waitForRecovery(): Promise<number> {
    const { instances } = this.services
    const { now, signal } = this.context
    const began = now().getTime()
    const passed = (): number => (now().getTime() - began) / 1000
    for (let at = 0; passed() < GIVE_UP_S && !signal.aborted; at += 1) {
      const found = await Promise.all(
        instances.map((one, to) =>
          takesFrom(one, instances.at(to - 1) ?? one, `T-back-${this.nextValue}-${at}-${to}`),
        ),
      )
      if (found.every(Boolean)) return passed()
      await sleep(LOOK_EVERY_MS)
    }
    return passed()
  }
}

const makeUnnoticedError = ({ name }: Outage): FfError =>
  new FfError('proof_inconclusive', `No instance missed Redis while it was ${name}.`, {
    hint: 'Run ff probe run again on an idle or a faster machine.',
  })

/** Whether an instance finds in Redis what another one read for a tenant that was never asked for. */
async function takesFrom(
  reader: CachedService,
  filler: CachedService,
  tenant: string,
): Promise<boolean> {
  const count = (): Promise<number> => reader.count('ff_cache_hits_total', { level: 'redis' })
  const before = await count()
  await filler.ask(tenant)
  await reader.ask(tenant)
  return (await count()) > before
}
