import { setTimeout as sleep } from 'node:timers/promises'
import {
  type LoadArrival,
  type LoadSummary,
  type LoadPace,
  planPace,
  roundToHundredths,
  summarizeLoad,
} from '../../core/load-stats/load.ts'
import { type CutoverPhase, PHASE_RULES } from '../../core/cutover/phases.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { HttpClient } from '../../ports/http.ts'
import type { ServiceStore } from '../../ports/store.ts'
import { runLoad } from './testbed/load-generator.ts'
import { requirePlan } from './plan.ts'
import {
  fromValue,
  inContext,
  readNumberParam,
  defineProbe,
  type ProbeContext,
} from './framework/probe.ts'
import { rejectSome } from './faults/rejected-reads.ts'
import { withScratchPair } from './testbed/served-endpoints.ts'
import { withLoadService } from './testbed/load-service.ts'
import { LOAD_ROWS, createOrdinaryLoad } from './testbed/load-rows.ts'
import type { StagingCaller, StagingNeeds } from './framework/staging-target.ts'
import type { ServiceInstance } from './testbed/cached-services.ts'
import { CalledInstance } from './testbed/called-events.ts'
import { withCalledInstances } from './testbed/called-instances.ts'
import { overrideMethods } from './testbed/faulty-store.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import { createStagingLoad } from './testbed/staging-load.ts'
import { requirePhase } from './testbed/staging-phase.ts'

/** Wraps the store of the service on a database; the control plants its faults there. */
type DecorateStore = (store: ServiceStore) => ServiceStore
const ADDED_MS = 100
/** The sides take short turns, so that other load on the machine affects both. */
const TURNS = 24
const WARM_REQUESTS = 200

const delayReads = (store: ServiceStore): ServiceStore =>
  overrideMethods(store, () => ({
    read: async (query) => {
      await sleep(ADDED_MS)
      return store.read(query)
    },
  }))
/** The load of a control: half of the peak that its plan declares, and far more than it has to reach. */
const BELOW_PEAK = { peak_factor: 0.1, requests: 120, seconds: 2 }
const PEAK = { peak_requests_per_second: 120 } as ProbeContext['plan']
/** The planted faults: reads of the database take 100 ms more, one in ten is rejected, and the load is too small. */
const spoiled = inContext(
  fromValue((): DecorateStore => (store) => rejectSome(delayReads(store), 10)),
  ({ params }) => ({ params: { ...params, ...BELOW_PEAK }, plan: PEAK }),
)

const NEEDS: StagingNeeds = {
  instances: 2,
  callers: 2,
  scopes: ['ff:registry:write', 'ff:evaluate:any'],
  changes: `instances that decide by the database: in db_authoritative or complete, or outside of a cutover. It sets the flag ${GENERATED_FLAG}, which stays, and evaluates it for users who do not exist, at each instance in turn, as often as peak_requests_per_second of checklists/plan.json asks for; what the cache keeps of that ends by itself`,
}

/**
 * E5: p99 and errors of a service on a scratch file and of one on a scratch database, both in this process, under the
 * same load of ordinary evaluations: the plan's peak times `peak_factor`. One instance takes all of it, whatever the
 * plan's number of replicas. The control delays each read of the database by 100 ms, rejects one in ten, and sends half
 * of the peak.
 *
 * Where instances of staging are named, they take that load in its place, one after the other, and the worst one counts.
 * Each request is of another user, so that it is answered by the database and not by a cache. There is no file beside it:
 * the limit of the database alone counts, whatever the file would take.
 *
 * Inconclusive without a plan, or where the instances decide by the file (`target_missing`), or where fewer requests a
 * second were sent (`proof_inconclusive`).
 */
export const capacity = defineProbe<DecorateStore, 'db_p99_ms' | 'error_share' | 'load_share'>({
  version: 1,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'exclusive',
  sound: fromValue((): DecorateStore => (store) => store),
  faulty: { db_p99_ms: spoiled, error_share: spoiled, load_share: spoiled },
  measure: async (decorate, context) => {
    const peak = requirePlan(context).peak_requests_per_second
    const least_per_s = peak * readNumberParam(context, 'peak_factor')
    const requests = readNumberParam(context, 'requests')
    const pace = planPace({ least_per_s, requests, seconds: readNumberParam(context, 'seconds') })
    if (context.targets.staging !== undefined)
      return measureStaging(context, { peak, least_per_s, pace })
    return withScratchPair(context, async (scratch) => {
      await Promise.all([scratch.file.store.load(LOAD_ROWS), scratch.db.store.load(LOAD_ROWS)])
      const { file, db } = await withLoadService(context, { store: scratch.file.store }, (left) =>
        withLoadService(context, { store: decorate(scratch.db.store) }, (right) =>
          alternateLoad({ file: left, db: right }, pace, context),
        ),
      )
      const per_s = requireRate([file, db], least_per_s)
      return {
        measured: {
          file_p99_ms: file.p99_ms,
          db_p99_ms: db.p99_ms,
          error_share: Math.max(file.failed_share, db.failed_share),
          load_share: roundToHundredths(per_s / peak),
        },
        met: {
          service: 'one in this process on each store, over HTTP on loopback',
          server: `PostgreSQL ${scratch.db.facts.server ?? 'none'}`,
          declared_peak_per_s: peak,
          sent_per_s: roundToHundredths(per_s),
          file_requests: file.requests,
          file_failed: file.failed,
          db_failed: db.failed,
        },
        sample_size: db.requests,
        example: null,
      }
    })
  },
})

interface StagingTerms {
  readonly peak: number
  readonly least_per_s: number
  readonly pace: LoadPace
}
const isByDatabase = (phase: CutoverPhase | null): boolean =>
  phase === null || PHASE_RULES[phase].authority === 'database'

/** Loads each instance of staging in turn; the worst one counts. */
function measureStaging(
  context: ProbeContext,
  { peak, least_per_s, pace }: StagingTerms,
): Promise<Measurement> {
  const wanted = { count: NEEDS.instances, decorate: (own: Adapters) => own, needs: NEEDS }
  return withCalledInstances(context, wanted, async ({ instances, callers, met }) => {
    const phase = await requirePhase(context, isByDatabase)
    const [first] = instances as readonly [ServiceInstance]
    await new CalledInstance(first, callers[0] as StagingCaller).change()
    const loads: LoadSummary[] = []
    for (const instance of instances) {
      const warm = { ...pace, requests: WARM_REQUESTS }
      await runLoad(createStagingLoad([instance], callers), warm, context.signal)
      const arrivals = await runLoad(createStagingLoad([instance], callers), pace, context.signal)
      loads.push(summarizeLoad([arrivals], pace))
      context.progress(loads.length, instances.length)
    }
    await requirePhase(context, (one) => one === phase)
    const per_s = requireRate(loads, least_per_s)
    return {
      measured: {
        db_p99_ms: Math.max(...loads.map(({ p99_ms }) => p99_ms)),
        error_share: Math.max(...loads.map(({ failed_share }) => failed_share)),
        load_share: roundToHundredths(per_s / peak),
      },
      met: {
        ...met,
        phase: phase ?? 'outside of a cutover',
        declared_peak_per_s: peak,
        sent_per_s: roundToHundredths(per_s),
        db_failed: loads.reduce((sum, { failed }) => sum + failed, 0),
      },
      sample_size: Math.min(...loads.map(({ requests }) => requests)),
      example: null,
    }
  })
}

/** The least rate of some loads. @throws FfError `proof_inconclusive` where it is too low */
function requireRate(loads: readonly LoadSummary[], least: number): number {
  const per_s = Math.min(...loads.map((one) => one.per_s))
  if (per_s < least) throw makeRateError(per_s, least)
  return per_s
}

interface Sides<T> {
  readonly file: T
  readonly db: T
}
async function alternateLoad(
  { file, db }: Sides<HttpClient>,
  pace: LoadPace,
  { signal, progress }: ProbeContext,
): Promise<Sides<LoadSummary>> {
  const turn = { ...pace, requests: Math.ceil(pace.requests / TURNS) }
  const burst = (client: HttpClient, of = turn): Promise<readonly LoadArrival[]> =>
    runLoad(createOrdinaryLoad(client), of, signal)
  for (const one of [file, db]) await burst(one, { ...pace, requests: WARM_REQUESTS })
  const bursts: Sides<(readonly LoadArrival[])[]> = { file: [], db: [] }
  for (let at = 0; at < TURNS; at += 1) {
    bursts.file.push(await burst(file))
    bursts.db.push(await burst(db))
    progress(at + 1, TURNS)
  }
  return { file: summarizeLoad(bursts.file, pace), db: summarizeLoad(bursts.db, pace) }
}

const makeRateError = (per_s: number, least: number): FfError =>
  new FfError(
    'proof_inconclusive',
    `Too few samples: ${Math.floor(per_s)} requests a second were sent, and ${Math.ceil(least)} are required.`,
    { hint: 'Run ff probe run again on an idle or a faster machine.' },
  )
