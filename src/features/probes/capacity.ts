import { setTimeout as sleep } from 'node:timers/promises'
import {
  type LoadArrival,
  type LoadSummary,
  type LoadPace,
  planPace,
  roundToHundredths,
  summarizeLoad,
} from '../../core/load-stats/load.ts'
import { FfError } from '../../errors.ts'
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
import { overrideMethods } from './testbed/faulty-store.ts'

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

/**
 * E5: p99 and errors of a service on a scratch file and of one on a scratch database, both in this process, under the
 * same load of ordinary evaluations: the plan's peak times `peak_factor`. One instance takes all of it, whatever the
 * plan's number of replicas. The control delays each read of the database by 100 ms, rejects one in ten, and sends half
 * of the peak.
 *
 * Inconclusive without a plan (`target_missing`), or where fewer requests a second were sent (`proof_inconclusive`).
 */
export const capacity = defineProbe<DecorateStore, 'db_p99_ms' | 'error_share' | 'load_share'>({
  version: 1,
  site: 'scratch',
  isolation: 'exclusive',
  sound: fromValue((): DecorateStore => (store) => store),
  faulty: { db_p99_ms: spoiled, error_share: spoiled, load_share: spoiled },
  measure: async (decorate, context) => {
    const peak = requirePlan(context).peak_requests_per_second
    const least_per_s = peak * readNumberParam(context, 'peak_factor')
    const requests = readNumberParam(context, 'requests')
    const pace = planPace({ least_per_s, requests, seconds: readNumberParam(context, 'seconds') })
    return withScratchPair(context, async (scratch) => {
      await Promise.all([scratch.file.store.load(LOAD_ROWS), scratch.db.store.load(LOAD_ROWS)])
      const { file, db } = await withLoadService(context, { store: scratch.file.store }, (left) =>
        withLoadService(context, { store: decorate(scratch.db.store) }, (right) =>
          alternateLoad({ file: left, db: right }, pace, context),
        ),
      )
      const per_s = Math.min(file.per_s, db.per_s)
      if (per_s < least_per_s) throw makeRateError(per_s, least_per_s)
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
