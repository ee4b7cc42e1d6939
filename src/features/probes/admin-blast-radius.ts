import { ADMIN_LIMITS } from '../../core/admin/contract.ts'
import { type BeforeAndDuring, findWidestChange } from '../../core/load-stats/load.ts'
import { FfError } from '../../errors.ts'
import type { AdminBehaviour, ApprovalService } from '../../ports/admin.ts'
import type { ServiceStore } from '../../ports/store.ts'
import { withAdmin } from './testbed/test-admin.ts'
import { readMixedPace, runMixedLoad } from './testbed/mixed-load.ts'
import { runStagingOutages } from './testbed/staging-outage.ts'
import { SENSITIVE_PROBE_FLAG } from './testbed/called-events.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import type { StagingNeeds } from './framework/staging-target.ts'
import { rejectSome } from './faults/rejected-reads.ts'
import {
  defineProbe,
  fromValue,
  type ProbeContext,
  readNumberParam,
  withParams,
} from './framework/probe.ts'
import { withScratchService } from './testbed/served-endpoints.ts'
import { withLoadService } from './testbed/load-service.ts'
import { createOrdinaryLoad, createSensitiveLoad, LOAD_ROWS } from './testbed/load-rows.ts'
import { overrideMethods } from './testbed/faulty-store.ts'

/** The store and the Admin client that a decision waits for. */
interface DecisionDependencies {
  readonly store: ServiceStore
  readonly approvals: ApprovalService
}
type ConnectDependencies = (dependencies: DecisionDependencies) => DecisionDependencies

/** Admin's failure in each run, in this order. */
const OUTAGES: readonly AdminBehaviour[] = ['never', 'refused', 'slow_body']
const WARM_REQUESTS = 100

/** The planted faults: one connection for everything, which rejects one read in five, in one short run. */
const shared = withParams(
  fromValue(
    (): ConnectDependencies =>
      ({ store, approvals }) =>
        shareOneConnection({ store: rejectSome(store, 5), approvals }),
  ),
  { runs: 1, requests: 100, seconds: 1 },
)

const NEEDS: StagingNeeds = {
  instances: 2,
  callers: 2,
  scopes: ['ff:registry:write', 'ff:evaluate:any'],
  fault: 'admin',
  changes: `it sets the flags ${GENERATED_FLAG} and ${SENSITIVE_PROBE_FLAG}, which stay, evaluates both hundreds of times, and has Admin fail in each run of the checklist for as long as that takes`,
}

/**
 * F5: p99 and errors of decisions that need no Admin, before and while Admin fails under concurrent sensitive
 * decisions, in `runs` runs over a service in this process on a file store. The control makes store reads and Admin
 * calls queue for one connection, rejects one read in five, and ends after one run.
 *
 * Where instances of staging are named, the same is measured on them as well, in as many runs, while the program of
 * FF_STAGING_FAULTS lets their Admin fail; the worst run of both counts, and a sample is a request to staging. In which way
 * Admin fails there is up to the program; the three ways are those of this process.
 *
 * Inconclusive (`proof_inconclusive`) where a run caused no successful or no failed call to Admin, at staging also where
 * most calls of an instance did not fail; `command_unanswered` where the program does not end with 0.
 */
export const adminBlastRadius = defineProbe<
  ConnectDependencies,
  'error_share' | 'p99_change_ms' | 'runs'
>({
  version: 1,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'exclusive',
  sound: fromValue((): ConnectDependencies => (dependencies) => dependencies),
  faulty: { error_share: shared, p99_change_ms: shared, runs: shared },
  measure: async (connect, context) => {
    const count = readNumberParam(context, 'runs')
    // Staging first: what it lacks is known at once.
    const isStaged = context.targets.staging !== undefined
    const there = isStaged ? await runStagingOutages(count, NEEDS, context) : []
    const runs: Run[] = []
    for (let at = 0; at < count; at += 1) {
      const outage = OUTAGES[at % OUTAGES.length] as AdminBehaviour
      runs.push(await runOutage(outage, connect, context))
      context.progress(at + 1, count)
    }
    const sum = (of: (run: Run) => number): number => runs.reduce((all, run) => all + of(run), 0)
    const all = [...runs, ...there]
    const sampled: readonly BeforeAndDuring[] = isStaged ? there : runs
    return {
      measured: {
        error_share: Math.max(...all.map(({ during }) => during.failed_share)),
        ...findWidestChange(all),
        runs: sampled.length,
      },
      met: {
        service: 'a new one in this process for each run, over HTTP on loopback, on a file store',
        admin: 'a new one on loopback for each run, healthy at first',
        failed: sum(({ during }) => during.failed),
        calls_failed: sum(({ calls }) => calls.failed),
        calls_kept_back: sum(({ calls }) => calls.refused),
        ...Object.fromEntries(runs.map(formatRun)),
        ...Object.fromEntries(there.map(formatStagingRun)),
      },
      sample_size: sampled.reduce((total, { during }) => total + during.requests, 0),
      example: null,
    }
  },
})

interface Run extends BeforeAndDuring {
  readonly outage: AdminBehaviour
  readonly calls: ReturnType<ApprovalService['metrics']>['calls']
}
const formatChange = ({ before, during }: BeforeAndDuring): string =>
  `p99 ${before.p99_ms} ms before, ${during.p99_ms} ms during`
const formatRun = (run: Run, at: number): readonly [string, string] => [
  `run ${at + 1}, Admin ${run.outage}`,
  formatChange(run),
]
const formatStagingRun = (run: BeforeAndDuring, at: number): readonly [string, string] => [
  `run ${at + 1} on staging`,
  formatChange(run),
]

/** Measures one outage with a new service and a new Admin, so that no breaker is open from an earlier run. */
function runOutage(
  outage: AdminBehaviour,
  connect: ConnectDependencies,
  context: ProbeContext,
): Promise<Run> {
  const pace = readMixedPace(context)
  return withAdmin(context, { approvals: [], limits: ADMIN_LIMITS }, async ({ server, open }) => {
    const admin = await open()
    return withScratchService(context, { kind: 'file', folder: null }, async (scratch) => {
      await scratch.store.load(LOAD_ROWS)
      const { store, approvals } = connect({ store: scratch.store, approvals: admin })
      const adapters = { openApprovals: () => Promise.resolve(approvals) }
      return withLoadService(context, { store, deps: adapters }, async (client, service) => {
        const sendSensitive = createSensitiveLoad(client, service.token())
        // Each sensitive request names another approval: two requests for one approval would share a call.
        let next = 0
        const load = {
          ordinary: createOrdinaryLoad(client),
          sensitive: () => sendSensitive(next++),
          signal: context.signal,
        }
        await runMixedLoad(load, { ...pace, requests: WARM_REQUESTS })
        const before = await runMixedLoad(load, pace)
        await server.setBehaviour({ behaviour: outage, delay_ms: 0 })
        const during = await runMixedLoad(load, pace)
        const { calls } = admin.metrics()
        if (calls.answered === 0 || calls.failed === 0) throw makeNoCallError()
        return { outage, before, during, calls }
      })
    })
  })
}

const makeNoCallError = (): FfError =>
  new FfError(
    'proof_inconclusive',
    'The load caused no successful or no failed call to Admin, so its outage was not measured.',
    {
      hint: 'This is a bug of the probe: report it with the output of ff --version.',
    },
  )

/** The planted fault: store reads and Admin calls queue for one connection. */
function shareOneConnection({ store, approvals }: DecisionDependencies): DecisionDependencies {
  let last: Promise<unknown> = Promise.resolve()
  const enqueue = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work)
    last = result.catch(() => undefined) // The caller gets the rejection from `result`.
    return result
  }
  return {
    store: overrideMethods(store, () => ({ read: (query) => enqueue(() => store.read(query)) })),
    approvals: {
      begin: () => {
        const check = approvals.begin()
        return (question) => enqueue(() => check(question))
      },
      metrics: () => approvals.metrics(),
      abandon: (ref) => approvals.abandon(ref),
      close: () => approvals.close(),
    },
  }
}
